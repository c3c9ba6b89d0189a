// Matrix products by single-threaded dgemm on tiles whose shape does not depend on the number of
// threads, so that results are the same at any.
#pragma once

#include <span>

#include "model/weights.h"
#include "reference/arithmetic.h"
#include "reference/context.h"
#include "reference/matrix.h"

namespace plumb::reference {

// y[t, j] = sum_k x[t, k] w[k, j], t < rows, k < inner, j < columns; y's rows are y_stride apart.
void multiply(Rows x, size_t rows, size_t inner, Rows w, size_t columns, double* y,
              size_t y_stride);
// y[t, j] = sum_k x[t, k] w[j, k]
void multiply_transposed(Rows x, size_t rows, size_t inner, Rows w, size_t columns, double* y,
                         size_t y_stride);

// Which sub-steps of an op a projection stands for.
struct ProjectionSteps {
  int input;
  int sum;
  int output;
  int weight;
  int length = 0;  // of normalized rows
  int row = 0;     // of normalized rows
};

// Rows [first, first + width of the result) of a weight.
struct WeightRows {
  const model::WeightView& weight;
  size_t first = 0;
  bool normalized = false;  // each at unit length: w / max(|w|, 1e-12), as torch's normalize
};

// y = x W^T (+ bias), W widened tile by tile. `bias` may be empty. `segments` are the row counts of
// x that are multiplied apart from each other (the sequences), so that none can touch another's
// bits.
template <class A>
void project(const A& a, const ProjectionSteps& steps, const Context& context, const Matrix& x,
             std::span<const size_t> segments, const WeightRows& rows, std::span<const double> bias,
             Matrix& y);

// x with sub-step `step` applied; no copy where nothing rounds.
template <class A>
const Matrix& operand(const A& a, int step, const Matrix& x, Matrix& storage) {
  if (!a.rounds(step)) return x;
  storage = x;
  a.round(step, {storage.data(), storage.size()}, 0);
  return storage;
}

}  // namespace plumb::reference
