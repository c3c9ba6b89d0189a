// MLX's affine form: integers of 2, 3, 4, 5, 6 or 8 bits, a bit stream a row, a scale and a bias
// for each group of a row:
//   w[n, k] = s[n, g] * q[n, k] + b[n, g],  g = k / group
// Exact in float64 with float16 scales, and rounded at most once with others.
// Source: MLX 0.32, mx.dequantize, mode "affine".
#pragma once

#include "model/weights/numbers.h"
#include "model/weights/stored_form.h"

namespace plumb::model {

class ScaleAndBias : public RowForm {
 public:
  struct Tensors {
    RawTensor codes;  // U32 [.., N, K bits / 32]
    Numbers scales;   // [.., N, G]
    Numbers biases;
  };
  // Throws InputError for shapes that do not fit.
  ScaleAndBias(Tensors tensors, int bits, int64_t group);

  std::string describe() const override;
  void check() const override;

 private:
  void decode_row(int64_t row, int64_t first, std::span<double> out) const override;

  Tensors tensors_;
  int bits_;
  int64_t group_;
};

}  // namespace plumb::model
