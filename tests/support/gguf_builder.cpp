#include "tests/support/gguf_builder.h"

namespace plumb::tests {
namespace {

void pad(std::string& text, uint64_t alignment) {
  text.append((alignment - text.size() % alignment) % alignment, '\0');
}

}  // namespace

std::string gguf_string(std::string_view text) {
  return gguf_raw(uint64_t{text.size()}) + std::string(text);
}

GgufBuilder& GgufBuilder::key(std::string_view name, uint32_t type, std::string_view bytes) {
  keys_ += gguf_string(name) + gguf_raw(type) + std::string(bytes);
  ++key_count_;
  return *this;
}

GgufBuilder& GgufBuilder::text(std::string_view name, std::string_view value) {
  return key(name, 8, gguf_string(value));
}

GgufBuilder& GgufBuilder::u32(std::string_view name, uint32_t value) {
  return key(name, 4, gguf_raw(value));
}

GgufBuilder& GgufBuilder::f32(std::string_view name, float value) {
  return key(name, 6, gguf_raw(value));
}

GgufBuilder& GgufBuilder::keys(std::string_view bytes, uint64_t count) {
  keys_ += bytes;
  key_count_ += count;
  return *this;
}

GgufBuilder& GgufBuilder::tensor(std::string_view name, std::vector<uint64_t> dimensions,
                                 uint32_t type, std::string_view data) {
  pad(data_, alignment);
  infos_ += gguf_string(name) + gguf_raw(static_cast<uint32_t>(dimensions.size()));
  for (const uint64_t extent : dimensions) infos_ += gguf_raw(extent);
  infos_ += gguf_raw(type) + gguf_raw(uint64_t{data_.size()});
  data_ += data;
  ++tensor_count_;
  return *this;
}

std::string GgufBuilder::bytes() const {
  std::string file = "GGUF" + gguf_raw(version) + gguf_raw(tensor_count_) + gguf_raw(key_count_);
  file += keys_ + infos_;
  pad(file, alignment);
  std::string data = data_;
  pad(data, alignment);
  return file + data;
}

}  // namespace plumb::tests
