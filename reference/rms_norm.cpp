#include <cmath>

#include "reference/elementwise.h"
#include "reference/kernels.h"

namespace plumb::reference {
namespace {

// y = x / sqrt(mean(x^2) + eps) * w over one group
template <class A>
void normalize(const A& a, const graph::RmsNorm& op, std::span<const double> x,
               std::span<const double> w, std::span<double> y, size_t element) {
  using Step = graph::RmsNorm::Step;
  double squares = 0.0;
  double fourths = 0.0;
  for (const double v : x) squares += v * v;
  if constexpr (A::kEmulates) {
    for (const double v : x) fourths += v * v * v * v;
  }
  squares = a.sum(Step::kMeanSquare, squares, fourths, x.size(), element);
  const double mean = squares / static_cast<double>(x.size());
  const double inverse = a.function(1.0 / std::sqrt(mean + op.eps), element);
  for (size_t i = 0; i < y.size(); ++i) y[i] = x[i] * inverse;
  a.round(Step::kNormalized, y, element);
  for (size_t i = 0; i < y.size(); ++i) y[i] *= w[i];
  a.round(Step::kOutput, y, element);
}

}  // namespace

template <class A>
void compute(const A& a, const graph::RmsNorm& op, const Context& context, Inputs in,
             Outputs out) {
  std::vector<double> w = context.weight(0).values();
  if (op.unit_offset) {
    for (double& v : w) v += 1.0;
  }
  const size_t width = w.size();
  for_rows(context, out[0], [&](size_t t, size_t element) {
    const auto x = row(*in[0], t);
    const auto y = row(out[0], t);
    for (size_t g = 0; g < static_cast<size_t>(op.groups); ++g) {
      normalize(a, op, x.subspan(g * width, width), w, y.subspan(g * width, width),
                element + g * width);
    }
  });
}

PLUMB_INSTANTIATE_KERNEL(RmsNorm)

}  // namespace plumb::reference
