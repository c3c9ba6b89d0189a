#include "model/weights/numbers.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/dtype.h"
#include "base/errors.h"
#include "base/small_floats.h"

namespace plumb::model {
namespace {

template <class T>
T load(const std::byte* bytes, int64_t index) {
  T value;
  std::memcpy(&value, bytes + static_cast<size_t>(index) * sizeof(T), sizeof(T));
  return value;
}

}  // namespace

Numbers::Numbers(const RawTensor& tensor, std::initializer_list<std::string_view> accepted)
    : tensor_(tensor), size_(1) {
  struct Row {
    std::string_view accepted, dtype;
    Type type;
  };
  static constexpr Row kRows[] = {
      {"F64", "F64", Type::kF64},
      {"F32", "F32", Type::kF32},
      {"BF16", "BF16", Type::kBF16},
      {"F16", "F16", Type::kF16},
      {"F8_E4M3", "F8_E4M3", Type::kE4M3},
      {"F8_E5M2", "F8_E5M2", Type::kE5M2},
      {"E8M0", "F8_E8M0", Type::kE8M0},
      {"E8M0", "U8", Type::kE8M0},
      {"U8", "U8", Type::kU8},
      {"I8", "I8", Type::kI8},
      {"I32", "I32", Type::kI32},
      {"I64", "I64", Type::kI64},
  };
  const auto* row = std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) {
    return r.dtype == tensor.dtype &&
           std::find(accepted.begin(), accepted.end(), r.accepted) != accepted.end();
  });
  if (row == std::end(kRows)) {
    std::string known;
    for (const std::string_view name : accepted) {
      known += (known.empty() ? "" : ", ") + std::string(name);
    }
    throw base::InputError(tensor.file, tensor.name, "has dtype " + tensor.dtype,
                           "it is to be one of " + known);
  }
  type_ = row->type;
  for (const int64_t extent : tensor.shape) size_ *= extent;
}

double Numbers::operator[](int64_t index) const {
  const std::byte* bytes = tensor_.bytes.data();
  switch (type_) {
    case Type::kF64:
      return load<double>(bytes, index);
    case Type::kF32:
      return static_cast<double>(load<float>(bytes, index));
    case Type::kBF16:
      return static_cast<double>(base::bf16_to_float(load<uint16_t>(bytes, index)));
    case Type::kF16:
      return base::f16_to_double(load<uint16_t>(bytes, index));
    case Type::kE4M3:
      return base::e4m3_values()[load<uint8_t>(bytes, index)];
    case Type::kE5M2:
      return base::e5m2_values()[load<uint8_t>(bytes, index)];
    case Type::kE8M0:
      return base::e8m0_value(load<uint8_t>(bytes, index));
    case Type::kU8:
      return load<uint8_t>(bytes, index);
    case Type::kI8:
      return load<int8_t>(bytes, index);
    case Type::kI32:
      return load<int32_t>(bytes, index);
    case Type::kI64:
      return static_cast<double>(load<int64_t>(bytes, index));
  }
  throw base::InternalError("a type of the table");
}

void Numbers::check_finite() const {
  for (int64_t i = 0; i < size_; ++i) {
    if (!std::isfinite((*this)[i])) {
      throw base::InputError(tensor_.file, tensor_.name, "holds NaN or infinity",
                             "the checkpoint is damaged: fetch or export it again");
    }
  }
}

}  // namespace plumb::model
