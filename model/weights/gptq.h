// GPTQ: integers of 2, 3, 4 or 8 bits in bit streams along the inputs, one an output:
//   w[n, k] = s[g, n] * (q[k, n] - z[g, n]),  g = g_idx[k], or k / group
//   qweight I32 [K b / 32, N], qzeros I32 [G, N b / 32], scales [G, N], g_idx I32 [K]
// Version 1 stores z - 1, version 2 z itself. Exact in float64.
// Source: AutoGPTQ 0.7.1, GPTQModel 7.7. A version-1 zero stored as 2^b - 1 is refused: loaders
// disagree whether it means 2^b or 0.
#pragma once

#include <optional>

#include "model/weights/numbers.h"
#include "model/weights/stored_form.h"

namespace plumb::model {

class Gptq : public RowForm {
 public:
  struct Tensors {
    RawTensor weight;
    RawTensor zeros;
    Numbers scales;
    std::optional<Numbers> groups;
  };
  struct Options {
    int bits = 4;
    int64_t group = 128;  // 0: one group
    bool version_1 = true;
    bool symmetric = false;  // declares z = 2^(b-1) throughout
  };
  // Throws InputError for shapes that do not fit, and indices of groups that there are not.
  Gptq(Tensors tensors, const Options& options);

  std::string describe() const override;
  // Beside values that are not finite: zeros that have no one meaning, and such as a symmetric file
  // does not have.
  void check() const override;

 private:
  void decode_row(int64_t row, int64_t first, std::span<double> out) const override;
  uint32_t stored_zero(int64_t group, int64_t column) const;

  Tensors tensors_;
  Options options_;
  int64_t group_;
  int64_t groups_;
};

}  // namespace plumb::model
