// A byte an element, fp8 or int8, and a scale for each block of a matrix:
//   w[n, k] = (q[n, k] - z[n / rows, k / columns]) * s[n / rows, k / columns]
// Exact in float64. Blocks at the edges may be ragged; a stack of matrices has a grid for each.
// QUANT: fine-grained fp8, compressed-tensors (fp8, int8, mxfp8), ModelOpt, FBGEMM, torchao.
#pragma once

#include <array>
#include <optional>

#include "model/weights/numbers.h"
#include "model/weights/stored_form.h"

namespace plumb::model {

// Elements to which one scale applies; 0: all there are in that direction.
struct Block {
  int64_t rows = 0;
  int64_t columns = 0;
};

class ScaledBytes : public RowForm {
 public:
  // weight:  F8_E4M3, F8_E5M2 or I8, [N, K] or [E, N, K]
  // scales:  one a block, row-major: [ceil(N / rows), ceil(K / columns)], before it E
  // zeros:   of the scales' shape; none: 0
  // Throws InputError for other dtypes and counts.
  ScaledBytes(const RawTensor& weight, const Numbers& scales, const std::optional<Numbers>& zeros,
              Block block, std::string description);

  std::string describe() const override { return description_; }
  void check() const override;

 private:
  void decode_row(int64_t row, int64_t first, std::span<double> out) const override;

  RawTensor weight_;
  Numbers scales_;
  std::optional<Numbers> zeros_;
  Block block_;
  std::string description_;
  const std::array<double, 256>& values_;
  int64_t rows_;  // of one matrix
  int64_t grid_rows_;
  int64_t grid_columns_;
};

}  // namespace plumb::model
