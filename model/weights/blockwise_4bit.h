// bitsandbytes' 4 bits: two codes a byte, the HIGH nibble first, over the flat tensor; a table of
// 16 values and one scale for each block of elements, both from the file:
//   w = quant_map[code] * absmax[block]
// absmax is float32 (exact in float64) or itself a byte of a table, scaled by blocks:
//   absmax = nested_map[byte] * nested_absmax[block / nested block] + offset, in this order
// Source: bitsandbytes 0.50, functional.py, QuantState and dequantize_4bit.
#pragma once

#include <optional>

#include "model/weights/numbers.h"
#include "model/weights/stored_form.h"

namespace plumb::model {

class Blockwise4Bit : public StoredForm {
 public:
  struct Nested {
    Numbers map;     // [256]
    Numbers absmax;  // a nested block
    int64_t block = 0;
    double offset = 0.0;
  };
  struct Tensors {
    RawTensor codes;
    Numbers map;     // [16]
    Numbers absmax;  // a block; bytes where `nested` is set
    std::optional<Nested> nested;
  };
  // Throws InputError where counts do not fit.
  Blockwise4Bit(Tensors tensors, std::vector<int64_t> shape, int64_t block,
                std::string description);

  std::string describe() const override { return description_; }
  void decode(int64_t first, int64_t stride, std::span<double> out) const override;
  void check() const override;

 private:
  double scale(int64_t block) const;

  Tensors tensors_;
  int64_t block_;
  std::string description_;
};

}  // namespace plumb::model
