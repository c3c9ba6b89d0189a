// bitsandbytes' int8: w[n, k] = q[n, k] * SCB[n] / 127, in this order: not exact in float64.
// Source: bitsandbytes 0.50, nn/modules.py, Linear8bitLt (weight_format 0: rows).
#pragma once

#include "model/weights/numbers.h"
#include "model/weights/stored_form.h"

namespace plumb::model {

class ScaledRows : public RowForm {
 public:
  // weight: I8 [N, K]; scales: [N]. Throws InputError where they do not fit.
  ScaledRows(const RawTensor& weight, const Numbers& scales);

  std::string describe() const override { return "bitsandbytes int8, rows"; }
  void check() const override { scales_.check_finite(); }

 private:
  void decode_row(int64_t row, int64_t first, std::span<double> out) const override;

  RawTensor weight_;
  Numbers scales_;
};

}  // namespace plumb::model
