// Two e2m1 values a byte, the low nibble first, and a scale for each group of a row:
//   MXFP4                     w = q * s                 s of type E8M0, groups of 32; exact
//   NVFP4, a multiplier D     w = q * (s * D)           s of type e4m3, groups of 16; exact
//   NVFP4, a divisor D        w = (q * s) / D           evaluated in this order: not exact
// Source: OCP Microscaling Formats 1.0; ModelOpt's NVFP4QTensor (a multiplier, weight_scale_2);
// compressed-tensors' nvfp4-pack-quantized (a divisor, weight_global_scale); MLX's modes.
#pragma once

#include <optional>

#include "model/weights/numbers.h"
#include "model/weights/stored_form.h"

namespace plumb::model {

class ScaledFp4 : public RowForm {
 public:
  struct Global {
    Numbers scale;  // one, or one a matrix of a stack
    bool divides;
  };
  // codes:   the rows' bytes in order, whatever their shape says
  // shape:   [N, K] or [E, N, K] of the values; K is a multiple of `group`
  // scales:  row-major [.., N, K / group]
  // Throws InputError where counts do not fit.
  ScaledFp4(const RawTensor& codes, std::vector<int64_t> shape, const Numbers& scales,
            std::optional<Global> global, int64_t group, std::string description);

  std::string describe() const override { return description_; }
  void check() const override;

 private:
  void decode_row(int64_t row, int64_t first, std::span<double> out) const override;

  RawTensor codes_;
  Numbers scales_;
  std::optional<Global> global_;
  int64_t group_;
  std::string description_;
  int64_t rows_of_global_ = 1;  // rows that share one global scale
};

}  // namespace plumb::model
