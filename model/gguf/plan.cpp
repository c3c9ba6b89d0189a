#include "model/gguf/plan.h"

#include <cstring>

namespace plumb::model {
namespace {

// Ids of value types.
constexpr uint32_t kU32 = 4;
constexpr uint32_t kI32 = 5;
constexpr uint32_t kF32 = 6;
constexpr uint32_t kBool = 7;
constexpr uint32_t kString = 8;
constexpr uint32_t kArray = 9;

}  // namespace

template <class T>
void GgufMetadata::put(T value) {
  char raw[sizeof(T)];
  std::memcpy(raw, &value, sizeof(T));
  bytes_.append(raw, sizeof(T));
}

void GgufMetadata::put_text(std::string_view text) {
  put(uint64_t{text.size()});
  bytes_ += text;
}

void GgufMetadata::begin(std::string_view name, uint32_t type) {
  put_text(name);
  put(type);
  ++count_;
}

void GgufMetadata::integer(std::string_view name, int64_t value) {
  begin(name, kU32);
  put(static_cast<uint32_t>(value));
}

void GgufMetadata::number(std::string_view name, double value) {
  begin(name, kF32);
  put(static_cast<float>(value));
}

void GgufMetadata::flag(std::string_view name, bool value) {
  begin(name, kBool);
  put(static_cast<uint8_t>(value));
}

void GgufMetadata::text(std::string_view name, std::string_view value) {
  begin(name, kString);
  put_text(value);
}

void GgufMetadata::integers(std::string_view name, const std::vector<int64_t>& values) {
  begin(name, kArray);
  put(kI32);
  put(uint64_t{values.size()});
  for (const int64_t value : values) put(static_cast<int32_t>(value));
}

void GgufMetadata::numbers(std::string_view name, const std::vector<double>& values) {
  begin(name, kArray);
  put(kF32);
  put(uint64_t{values.size()});
  for (const double value : values) put(static_cast<float>(value));
}

void GgufMetadata::flags(std::string_view name, const std::vector<bool>& values) {
  begin(name, kArray);
  put(kBool);
  put(uint64_t{values.size()});
  for (const bool value : values) put(static_cast<uint8_t>(value));
}

void GgufMetadata::texts(std::string_view name, const std::vector<std::string>& values) {
  begin(name, kArray);
  put(kString);
  put(uint64_t{values.size()});
  for (const std::string& value : values) put_text(value);
}

}  // namespace plumb::model
