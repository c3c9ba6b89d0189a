#include "reference/product.h"

#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace plumb::reference {
namespace {

// Output columns of one tile: its weights are what one thread holds widened. dgemm packs x anew for
// each, so tiles are wide where there are enough of them for any number of threads of a small
// machine.
constexpr size_t kTile = 256;
constexpr size_t kWideTile = 768;
constexpr size_t kManyColumns = 4 * kWideTile;

// OpenBLAS's own threads stay out of it: they would take the cores from ours, and the bits of a
// result would depend on their number.
void use_blas_without_threads() {
  static const bool once = (openblas_set_num_threads(1), true);
  static_cast<void>(once);
}

Matrix squares(const Matrix& x, size_t rows) {
  Matrix result = make_matrix(rows, x.shape(1));
  for (size_t i = 0; i < result.size(); ++i) result.data()[i] = x.data()[i] * x.data()[i];
  return result;
}

// Brings the rows of w to unit length; `first` is the number of the first.
template <class A>
void normalize_rows(const A& a, const ProjectionSteps& steps, std::vector<double>& w, size_t inner,
                    size_t first) {
  constexpr double kLeastLength = 1e-12;
  for (size_t row = 0; row < w.size(); row += inner) {
    double squares = 0.0;
    for (size_t k = 0; k < inner; ++k) squares += w[row + k] * w[row + k];
    const double length = a.round(steps.length, std::sqrt(squares), first + row / inner);
    for (size_t k = 0; k < inner; ++k) w[row + k] /= std::max(length, kLeastLength);
  }
  a.round(steps.row, w, first * inner);
}

// The sizes of the noise of rows of x times rows of w, over c u: the root of the sum of the squares
// of all partial sums. Of two orders the worse counts: any, and the products' own, in which
// neighbours (the channels of one head) may add up to much that others take away again.
class AccumulationSizes {
 public:
  AccumulationSizes(size_t rows, size_t columns)
      : before_(make_matrix(rows, columns)),
        squares_(make_matrix(rows, columns)),
        own_(make_matrix(rows, columns)) {
    before_.fill(0.0);
    squares_.fill(0.0);
    own_.fill(0.0);
  }

  // The next `count` products of each sum: theirs, and the sum of their squares.
  void add(const Matrix& sums, const Matrix& squares, size_t count) {
    const auto n = static_cast<double>(count);
    for (size_t i = 0; i < own_.size(); ++i) {
      const double s = sums.data()[i];
      double& before = before_.data()[i];
      own_.data()[i] += n * before * (before + s) + in_any_order(n, s, squares.data()[i]);
      squares_.data()[i] += squares.data()[i];
      before += s;
    }
  }

  Matrix finish(size_t count) && {
    const auto n = static_cast<double>(count);
    for (size_t i = 0; i < own_.size(); ++i) {
      const double any = in_any_order(n, before_.data()[i], squares_.data()[i]);
      own_.data()[i] = std::sqrt(std::max(own_.data()[i], any));
    }
    return std::move(own_);
  }

 private:
  // As Emulated::sum_noise has it.
  static double in_any_order(double n, double sum, double squares) {
    return n * sum * sum / 3.0 + std::max(n * squares - sum * sum, 0.0) / 6.0;
  }

  Matrix before_;   // the sums so far
  Matrix squares_;  // of the products so far
  Matrix own_;
};

// Adds the noise of accumulation to the columns [begin, begin + columns) of y, sized on the rows of
// the first replica.
void add_accumulation_noise(const Emulated& a, int step, const Context& context, const Matrix& x,
                            const Matrix& x_squares, const std::vector<double>& w, size_t begin,
                            size_t columns, Matrix& y) {
  constexpr size_t kParts = 4;
  const size_t inner = x_squares.shape(1);
  const size_t sized = x_squares.shape(0);
  static thread_local std::vector<double> w_squares;
  w_squares.resize(w.size());
  for (size_t i = 0; i < w.size(); ++i) w_squares[i] = w[i] * w[i];
  AccumulationSizes sums(sized, columns);
  Matrix part = make_matrix(sized, columns);
  Matrix squares = make_matrix(sized, columns);
  for (size_t k = 0; k < kParts; ++k) {
    const size_t first = k * inner / kParts;
    const size_t count = (k + 1) * inner / kParts - first;
    if (count == 0) continue;
    multiply_transposed({x.data() + first, inner}, sized, count, {w.data() + first, inner}, columns,
                        part.data(), columns);
    multiply_transposed({x_squares.data() + first, inner}, sized, count,
                        {w_squares.data() + first, inner}, columns, squares.data(), columns);
    sums.add(part, squares, count);
  }
  Matrix sizes = std::move(sums).finish(inner);
  // c u, by which a sum of the single product 1 errs sqrt(1 / 3) times in that formula.
  const double unit = std::numbers::sqrt3 * a.sum_noise(step, 1.0, 1.0, 1);
  for (double& size : sizes) size *= unit;
  for (size_t t = 0; t < y.shape(0); ++t) {
    a.add_noise(step, row(y, t).subspan(begin, columns), row(std::as_const(sizes), t % sized),
                context.noise_row(t) * y.shape(1) + begin);
  }
}

void dgemm(CBLAS_TRANSPOSE transpose_w, Rows x, size_t rows, size_t inner, Rows w, size_t columns,
           double* y, size_t y_stride) {
  if (rows == 0) return;
  use_blas_without_threads();
  const auto size = [](size_t n) { return static_cast<blasint>(n); };
  cblas_dgemm(CblasRowMajor, CblasNoTrans, transpose_w, size(rows), size(columns), size(inner), 1.0,
              x.start, size(x.stride), w.start, size(w.stride), 0.0, y, size(y_stride));
}

}  // namespace

void multiply(Rows x, size_t rows, size_t inner, Rows w, size_t columns, double* y,
              size_t y_stride) {
  dgemm(CblasNoTrans, x, rows, inner, w, columns, y, y_stride);
}

void multiply_transposed(Rows x, size_t rows, size_t inner, Rows w, size_t columns, double* y,
                         size_t y_stride) {
  dgemm(CblasTrans, x, rows, inner, w, columns, y, y_stride);
}

namespace {

// x as it meets weights that are stored so; no copy where nothing rounds.
const Matrix& operand_beside(const Emulated& a, int step, const Context& context,
                             std::span<const size_t> segments, const model::Storage& storage,
                             const Matrix& x, Matrix& rounded) {
  const graph::StepRule rule = a.rule_for(step, storage);
  if (!rule.to && !rule.codes) return x;
  rounded = x;
  size_t first = 0;
  for (const size_t count : segments) {
    a.operand(step, rule, {rounded.data() + first * x.shape(1), count * x.shape(1)}, x.shape(1),
              [&](size_t t) { return context.noise_row(first + t); });
    first += count;
  }
  return rounded;
}

// Columns [from, to) of y.
template <class A>
void project_columns(const A& a, const ProjectionSteps& steps, const Context& context,
                     const Matrix& x, std::span<const size_t> segments, const WeightRows& rows,
                     std::span<const double> bias, size_t from, size_t to, Matrix& y) {
  const size_t inner = x.shape(1);
  const size_t width = y.shape(1);
  Matrix x_squares;
  if constexpr (A::kEmulates) x_squares = squares(x, x.shape(0) / context.replicas);
  const size_t tile_columns = width < kManyColumns ? kTile : kWideTile;
  context.threads.for_ranges(to - from, tile_columns, [&](size_t first, size_t last) {
    const size_t begin = from + first;
    const size_t columns = last - first;
    // Kept from tile to tile: fresh memory would be cleared by the kernel, page by page.
    static thread_local std::vector<double> w;
    w.resize(columns * inner);
    rows.weight.widen(rows.first + begin, columns, w);
    a.weight(steps.weight, w, rows.weight.dtype());
    if (rows.normalized) normalize_rows(a, steps, w, inner, begin);
    size_t at = 0;
    for (const size_t count : segments) {
      multiply_transposed({x.data() + at * inner, inner}, count, inner, {w.data(), inner}, columns,
                          &y.data()[at * width + begin], width);
      at += count;
    }
    if constexpr (A::kEmulates) {
      add_accumulation_noise(a, steps.sum, context, x, x_squares, w, begin, columns, y);
    }
    for (size_t t = 0; t < y.shape(0); ++t) {
      const auto tile = row(y, t).subspan(begin, columns);
      for (size_t j = 0; j < bias.size() && j < columns; ++j) tile[j] += bias[begin + j];
      a.round(steps.output, tile, context.noise_row(t) * width + begin);
    }
  });
}

}  // namespace

template <class A>
void project(const A& a, const ProjectionSteps& steps, const Context& context, const Matrix& x,
             std::span<const size_t> segments, const WeightRows& rows, std::span<const double> bias,
             Matrix& y) {
  if constexpr (!A::kEmulates) {
    project_columns(a, steps, context, x, segments, rows, bias, 0, y.shape(1), y);
  } else {
    size_t from = 0;
    for (const auto& run : rows.weight.storage(rows.first, y.shape(1))) {
      Matrix rounded;
      const Matrix& beside =
          operand_beside(a, steps.input, context, segments, run.storage, x, rounded);
      project_columns(a, steps, context, beside, segments, rows, bias, from, from + run.rows, y);
      from += run.rows;
    }
  }
}

template void project(const Exact&, const ProjectionSteps&, const Context&, const Matrix&,
                      std::span<const size_t>, const WeightRows&, std::span<const double>, Matrix&);
template void project(const Emulated&, const ProjectionSteps&, const Context&, const Matrix&,
                      std::span<const size_t>, const WeightRows&, std::span<const double>, Matrix&);

}  // namespace plumb::reference
