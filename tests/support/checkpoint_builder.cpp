#include "tests/support/checkpoint_builder.h"

#include "base/dtype.h"
#include "base/safetensors.h"
#include "tests/support/files.h"

namespace plumb::tests {

BuiltTensor bf16_tensor(const std::string& name, const std::vector<int64_t>& shape, double first) {
  BuiltTensor tensor{.name = name, .dtype = "BF16", .shape = shape, .bytes = {}};
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  for (int64_t i = 0; i < count; ++i) {
    const uint16_t bits = base::bf16_from_double(first + static_cast<double>(i));
    tensor.bytes.append(reinterpret_cast<const char*>(&bits), sizeof(bits));
  }
  return tensor;
}

std::string build_safetensors(const std::vector<BuiltTensor>& tensors,
                              const std::map<std::string, std::string>& metadata) {
  std::vector<base::SafetensorsEntry> entries;
  std::string data;
  for (const BuiltTensor& tensor : tensors) {
    entries.push_back({.name = tensor.name,
                       .dtype = tensor.dtype,
                       .shape = tensor.shape,
                       .begin = data.size(),
                       .end = data.size() + tensor.bytes.size()});
    data += tensor.bytes;
  }
  return base::safetensors_header(entries, metadata) + data;
}

std::vector<BuiltTensor> take_apart(const std::filesystem::path& file) {
  const base::SafetensorsFile mapped(file);
  std::vector<BuiltTensor> tensors;
  for (const base::SafetensorsEntry& entry : mapped.entries()) {
    const auto bytes = mapped.bytes(entry);
    tensors.push_back({.name = entry.name,
                       .dtype = entry.dtype,
                       .shape = entry.shape,
                       .bytes = {reinterpret_cast<const char*>(bytes.data()), bytes.size()}});
  }
  return tensors;
}

void write_index(const std::filesystem::path& folder, const base::Json& weight_map) {
  write_text(folder / "model.safetensors.index.json",
             base::Json{{"metadata", {{"total_size", 1}}}, {"weight_map", weight_map}}.dump());
}

}  // namespace plumb::tests
