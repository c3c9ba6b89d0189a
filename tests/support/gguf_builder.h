// GGUF files as bytes, right or wrong as a test wants them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace plumb::tests {

template <class T>
std::string gguf_raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}
std::string gguf_string(std::string_view text);

class GgufBuilder {
 public:
  // A key with the id of its type and its bytes.
  GgufBuilder& key(std::string_view name, uint32_t type, std::string_view bytes);
  GgufBuilder& text(std::string_view name, std::string_view value);
  GgufBuilder& u32(std::string_view name, uint32_t value);
  GgufBuilder& f32(std::string_view name, float value);
  // Keys as another file has them.
  GgufBuilder& keys(std::string_view bytes, uint64_t count);
  // Dimensions as the file has them: the first runs fastest.
  GgufBuilder& tensor(std::string_view name, std::vector<uint64_t> dimensions, uint32_t type,
                      std::string_view data);

  uint32_t version = 3;
  uint64_t alignment = 32;
  std::string bytes() const;

 private:
  std::string keys_;
  uint64_t key_count_ = 0;
  std::string infos_;
  uint64_t tensor_count_ = 0;
  std::string data_;
};

}  // namespace plumb::tests
