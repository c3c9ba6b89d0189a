// The inner loops of the gated delta rule, for rows of float64.
//
// Plain loops that the compiler vectorises, compiled once for each length of vectors and chosen at
// run time. Every sum has a fixed order and nothing is contracted (-ffp-contract=off), so that the
// bits are the same on any machine.
#pragma once

#include <cstddef>

namespace plumb::reference {

// out[i] = sum_s x[s] rows[s * stride + i], s < count, i < n, in the order of s
void mix(const double* x, const double* rows, size_t stride, size_t count, size_t n, double* out);

// rows[s, i] += x[s] y[i], rows [count, n]
void add_outer(const double* x, const double* y, size_t count, size_t n, double* rows);

// x[i] *= factor
void scale(double factor, double* x, size_t n);

}  // namespace plumb::reference
