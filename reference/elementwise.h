// Ops that treat every element alike: the loop over rows, shared out over threads.
#pragma once

#include <cmath>
#include <span>
#include <vector>

#include "reference/context.h"
#include "reference/matrix.h"

namespace plumb::reference {

// Calls body(row index, index of the first element of its noise) for every row of y.
template <class Body>
void for_rows(const Context& context, const Matrix& y, Body&& body) {
  context.threads.for_ranges(y.shape(0), kRowGrain, [&](size_t begin, size_t end) {
    for (size_t t = begin; t < end; ++t) body(t, context.noise_row(t) * y.shape(1));
  });
}

// The same of one sequence after the other: make(index) gives what its rows share, which an engine
// derives from weights once, so that each replica has noise of its own there; body(row index, index
// of the first element of its noise, shared) follows.
template <class Make, class Body>
void for_rows_sharing(const Context& context, const Matrix& y, Make&& make, Body&& body) {
  size_t index = 0;
  for_sequences(context, [&](const Sequence& sequence, size_t start) {
    const auto shared = make(index++);
    context.threads.for_ranges(sequence.rows(), kRowGrain, [&](size_t begin, size_t end) {
      for (size_t t = start + begin; t < start + end; ++t) {
        body(t, context.noise_row(t) * y.shape(1), shared);
      }
    });
  });
}

// The weight of part g of a row: a weight as wide as one part is shared by all.
inline std::span<const double> part_of(const std::vector<double>& weight, size_t g, size_t width) {
  if (weight.size() <= width) return weight;
  return std::span(weight).subspan(g * width, width);
}

// 1 / sqrt(mean + eps) as engines form it. The division into the mean and the sum with eps count
// half under the root; the root and the reciprocal round once each.
template <class A>
double inverse_root(const A& a, double mean, double eps, size_t element) {
  constexpr double kRoundings = 1.58;  // sqrt(1/4 + 1/4 + 1 + 1)
  return a.relative(1.0 / std::sqrt(mean + eps), kRoundings, element);
}

}  // namespace plumb::reference
