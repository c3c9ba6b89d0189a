// AWQ, version gemm: 4-bit integers, eight outputs a word in the order 0 2 4 6 1 3 5 7:
//   w[n, k] = (q[k, n] - z[g, n]) * s[g, n],  g = k / group
//   qweight I32 [K, N / 8], qzeros I32 [G, N / 8], scales [G, N]
// Exact in float64. Source: AutoAWQ 0.2.9, utils/packing_utils.py.
#pragma once

#include "model/weights/numbers.h"
#include "model/weights/stored_form.h"

namespace plumb::model {

class Awq : public RowForm {
 public:
  struct Tensors {
    RawTensor weight;
    RawTensor zeros;
    Numbers scales;
  };
  // group: 0: one group. Throws InputError for shapes that do not fit.
  Awq(Tensors tensors, int64_t group);

  std::string describe() const override;
  void check() const override { tensors_.scales.check_finite(); }

 private:
  void decode_row(int64_t row, int64_t first, std::span<double> out) const override;

  Tensors tensors_;
  int64_t group_;
};

}  // namespace plumb::model
