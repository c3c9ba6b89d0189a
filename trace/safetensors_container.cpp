#include <cstring>
#include <map>

#include "base/dtype.h"
#include "base/errors.h"
#include "base/safetensors.h"
#include "trace/container.h"

namespace plumb::trace {
namespace {

using base::InputError;

class SafetensorsContainer : public Container {
 public:
  explicit SafetensorsContainer(const std::filesystem::path& path) : Container(path), file_(path) {
    attributes_ = file_.metadata();
    for (const base::SafetensorsEntry& entry : file_.entries()) {
      entries_[entry.name] = &entry;
      datasets_[entry.name] = {.shape = {entry.shape.begin(), entry.shape.end()},
                               .integers = entry.dtype == "I64" || entry.dtype == "I32"};
    }
  }

  std::vector<double> read_reals(const std::string& name) const override {
    const base::SafetensorsEntry& entry = *entries_.at(name);
    const auto dtype = base::dtype_from_safetensors_name(entry.dtype);
    if (!dtype) {
      const std::vector<int64_t> integers = read_integers(name);
      return {integers.begin(), integers.end()};
    }
    std::vector<double> values(entry.elements());
    base::widen(*dtype, file_.bytes(entry).data(), values);
    return values;
  }

  std::vector<int64_t> read_integers(const std::string& name) const override {
    const base::SafetensorsEntry& entry = *entries_.at(name);
    if (entry.dtype == "I64") return copy<int64_t>(entry);
    if (entry.dtype == "I32") return copy<int32_t>(entry);
    throw InputError(path_.string(), name, "has dtype " + entry.dtype,
                     "write token ids as I64, taps as F64, F32, F16 or BF16");
  }

 private:
  template <typename T>
  std::vector<int64_t> copy(const base::SafetensorsEntry& entry) const {
    std::vector<T> raw(entry.elements());
    if (!raw.empty()) std::memcpy(raw.data(), file_.bytes(entry).data(), raw.size() * sizeof(T));
    return {raw.begin(), raw.end()};
  }

  base::SafetensorsFile file_;
  std::map<std::string, const base::SafetensorsEntry*> entries_;
};

}  // namespace

std::unique_ptr<Container> open_safetensors(const std::filesystem::path& path) {
  return std::make_unique<SafetensorsContainer>(path);
}

}  // namespace plumb::trace
