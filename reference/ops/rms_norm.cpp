#include "reference/elementwise.h"
#include "reference/kernels.h"

namespace plumb::reference {
namespace {

using graph::RmsNorm;

// y = x / sqrt(mean(x^2) + eps) * w over one group; an empty w scales nothing
template <class A>
void normalize(const A& a, const RmsNorm& op, std::span<const double> x, std::span<const double> w,
               std::span<double> y, size_t element) {
  std::copy(x.begin(), x.end(), y.begin());
  a.round(RmsNorm::kInput, y, element);
  if (op.input_scaled) {
    for (size_t i = 0; i < y.size(); ++i) y[i] *= w[i];
    a.round(RmsNorm::kScaled, y, element);
  }
  double squares = 0.0;
  double fourths = 0.0;
  for (const double v : y) squares += a.round(RmsNorm::kSquare, v * v, element);
  if constexpr (A::kEmulates) {
    for (const double v : y) fourths += v * v * v * v;
  }
  squares = a.sum(RmsNorm::kMeanSquare, squares, fourths, y.size(), element);
  const double mean = a.round(RmsNorm::kMean, squares / static_cast<double>(y.size()), element);
  const double shifted = a.round(RmsNorm::kMean, mean + op.eps, element);
  const double inverse =
      a.round(RmsNorm::kInverse, inverse_root(a, shifted, 0.0, element), element);
  for (double& v : y) v *= inverse;
  if (w.empty() || op.input_scaled) {
    a.round(RmsNorm::kOutput, y, element);
    return;
  }
  a.round(RmsNorm::kNormalized, y, element);
  for (size_t i = 0; i < y.size(); ++i) y[i] *= w[i];
  a.round(RmsNorm::kOutput, y, element);
}

}  // namespace

template <class A>
void compute(const A& a, const RmsNorm& op, const Context& context, Inputs in, Outputs out) {
  std::vector<double> w;
  if (context.has_weight(0)) w = context.weight(0).values();
  if (op.unit_offset) {
    for (double& v : w) v += 1.0;
  }
  a.round(RmsNorm::kWeight, w, 0);
  const auto groups = static_cast<size_t>(op.groups);
  const size_t width = out[0].shape(1) / groups;
  for_rows(context, out[0], [&](size_t t, size_t element) {
    const auto x = row(*in[0], t);
    const auto y = row(out[0], t);
    for (size_t g = 0; g < groups; ++g) {
      normalize(a, op, x.subspan(g * width, width), part_of(w, g, width),
                y.subspan(g * width, width), element + g * width);
    }
  });
}

PLUMB_INSTANTIATE_KERNEL(RmsNorm)

}  // namespace plumb::reference
