// Scales, zeros and tables that stand beside a weight: numbers of a small type, one at a time.
#pragma once

#include <initializer_list>
#include <string_view>

#include "model/weights/raw_tensor.h"

namespace plumb::model {

class Numbers {
 public:
  // The types that `accepted` lists, in safetensors' words; "E8M0" accepts F8_E8M0, and U8 as the
  // same codes. Throws InputError for another.
  Numbers(const RawTensor& tensor, std::initializer_list<std::string_view> accepted);

  int64_t size() const { return size_; }
  double operator[](int64_t index) const;
  const RawTensor& tensor() const { return tensor_; }

  // Throws InputError where one is NaN or infinite.
  void check_finite() const;

 private:
  enum class Type : uint8_t { kF64, kF32, kBF16, kF16, kE4M3, kE5M2, kE8M0, kU8, kI8, kI32, kI64 };
  RawTensor tensor_;
  Type type_;
  int64_t size_;
};

}  // namespace plumb::model
