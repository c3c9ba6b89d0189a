// The inner loops of the gated delta rule, for rows of float64.
//
// Plain loops (base/vectorised.h), every sum in a fixed order.
#pragma once

#include <cstddef>

namespace plumb::reference {

// out[i] = sum_s x[s] rows[s * stride + i], s < count, i < n, in the order of s
void mix(const double* x, const double* rows, size_t stride, size_t count, size_t n, double* out);

// One token of the rule on a state rows [count, n], with keys k and queries q [count], values v
// [n]:
//   rows *= decay;  rows += k (beta (v - rows^T k))^T;  y = rows^T q
void delta_step(double decay, double beta, const double* k, const double* q, const double* v,
                size_t count, size_t n, double* rows, double* y);

}  // namespace plumb::reference
