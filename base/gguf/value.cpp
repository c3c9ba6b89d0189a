#include <cstring>
#include <limits>

#include "base/gguf/file.h"

namespace plumb::base {
namespace {

using Type = GgufValue::Type;

template <class T>
T load(const std::byte* raw) {
  T value;
  std::memcpy(&value, raw, sizeof(value));
  return value;
}

std::optional<int64_t> integer_at(Type type, const std::byte* raw) {
  switch (type) {
    case Type::kU8:
      return load<uint8_t>(raw);
    case Type::kI8:
      return load<int8_t>(raw);
    case Type::kU16:
      return load<uint16_t>(raw);
    case Type::kI16:
      return load<int16_t>(raw);
    case Type::kU32:
      return load<uint32_t>(raw);
    case Type::kI32:
      return load<int32_t>(raw);
    case Type::kI64:
      return load<int64_t>(raw);
    case Type::kU64: {
      const auto value = load<uint64_t>(raw);
      constexpr auto kMost = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
      return value <= kMost ? std::optional(static_cast<int64_t>(value)) : std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

std::optional<double> number_at(Type type, const std::byte* raw) {
  if (type == Type::kF32) return load<float>(raw);
  if (type == Type::kF64) return load<double>(raw);
  const auto whole = integer_at(type, raw);
  return whole ? std::optional(static_cast<double>(*whole)) : std::nullopt;
}

std::optional<bool> flag_at(Type type, const std::byte* raw) {
  return type == Type::kBool ? std::optional(load<uint8_t>(raw) != 0) : std::nullopt;
}

// All elements by `at`, or nothing where one is of another kind. Strings have no fixed width.
template <class T, class At>
std::optional<std::vector<T>> elements(Type type, uint64_t count, std::span<const std::byte> raw,
                                       At at) {
  if (type == Type::kString || type == Type::kArray) return std::nullopt;
  std::vector<T> values;
  const size_t width = count == 0 ? 0 : raw.size() / count;
  for (uint64_t i = 0; i < count; ++i) {
    const auto value = at(type, raw.data() + i * width);
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

}  // namespace

std::optional<int64_t> GgufValue::integer() const {
  return integer_at(type_, raw_.data());
}

std::optional<double> GgufValue::number() const {
  return number_at(type_, raw_.data());
}

std::optional<bool> GgufValue::flag() const {
  return flag_at(type_, raw_.data());
}

std::optional<std::string_view> GgufValue::text() const {
  if (type_ != Type::kString) return std::nullopt;
  return std::string_view(reinterpret_cast<const char*>(raw_.data()), raw_.size());
}

std::optional<std::vector<int64_t>> GgufValue::integers() const {
  return elements<int64_t>(is_array() ? element_ : type_, count_, raw_, integer_at);
}

std::optional<std::vector<double>> GgufValue::numbers() const {
  return elements<double>(is_array() ? element_ : type_, count_, raw_, number_at);
}

std::optional<std::vector<bool>> GgufValue::flags() const {
  return elements<bool>(is_array() ? element_ : type_, count_, raw_, flag_at);
}

}  // namespace plumb::base
