#include <numeric>

#include "reference/elementwise.h"
#include "reference/kernels.h"

namespace plumb::reference {
namespace {

using graph::LayerNorm;

// y = (x - mean) / sqrt(mean((x - mean)^2) + eps) * w + b over one group; w and b may be empty
template <class A>
void normalize(const A& a, const LayerNorm& op, std::span<const double> x,
               std::span<const double> w, std::span<const double> b, std::span<double> y,
               size_t element) {
  const auto n = static_cast<double>(x.size());
  double squares = 0.0;
  if constexpr (A::kEmulates) {
    for (const double v : x) squares += v * v;
  }
  const double sum = std::accumulate(x.begin(), x.end(), 0.0);
  const double mean = a.sum(LayerNorm::kMean, sum, squares, x.size(), element) / n;
  double variance = 0.0;
  double fourths = 0.0;
  for (size_t i = 0; i < x.size(); ++i) {
    y[i] = a.compute(x[i] - mean, element + i);
    variance += y[i] * y[i];
    fourths += y[i] * y[i] * y[i] * y[i];
  }
  variance = a.sum(LayerNorm::kVariance, variance, fourths, x.size(), element) / n;
  const double inverse = inverse_root(a, variance, op.eps, element);
  for (double& v : y) v *= inverse;
  a.round(LayerNorm::kNormalized, y, element);
  for (size_t i = 0; i < w.size(); ++i) y[i] = a.compute(y[i] * w[i], element + i);
  for (size_t i = 0; i < b.size(); ++i) y[i] += b[i];
  a.round(LayerNorm::kOutput, y, element);
}

}  // namespace

template <class A>
void compute(const A& a, const LayerNorm& op, const Context& context, Inputs in, Outputs out) {
  std::vector<double> w;
  if (context.has_weight(0)) w = context.weight(0).values();
  std::vector<double> b;
  if (context.has_weight(1)) b = context.weight(1).values();
  if (op.unit_offset) {
    for (double& v : w) v += 1.0;
    a.round(LayerNorm::kWeight, w, 0);
  }
  const auto groups = static_cast<size_t>(op.groups);
  const size_t width = out[0].shape(1) / groups;
  for_rows(context, out[0], [&](size_t t, size_t element) {
    const auto x = row(*in[0], t);
    const auto y = row(out[0], t);
    for (size_t g = 0; g < groups; ++g) {
      normalize(a, op, x.subspan(g * width, width), part_of(w, g, width), part_of(b, g, width),
                y.subspan(g * width, width), element + g * width);
    }
  });
}

PLUMB_INSTANTIATE_KERNEL(LayerNorm)

}  // namespace plumb::reference
