#include <cmath>

#include "reference/elementwise.h"
#include "reference/kernels.h"

namespace plumb::reference {
namespace {

// Constants of the source, not of any config.
constexpr double kTemperature = 0.3;
constexpr double kLeastSquare = 1e-3;

double sigmoid(double x) {
  return 1.0 / (1.0 + std::exp(-x));
}

}  // namespace

template <class A>
void compute(const A& a, const graph::GatedResidual&, const Context& context, Inputs in,
             Outputs out) {
  const std::vector<double> w = context.weight(0).values();
  std::vector<double> alpha;
  std::vector<double> beta;
  for (const double v : w) {
    const double b = a.compute(a.function(sigmoid(v / kTemperature), beta.size()), beta.size());
    const double rest =
        a.compute(a.function(sigmoid(-v / kTemperature), ~beta.size()), beta.size());
    beta.push_back(b);
    alpha.push_back(a.compute(std::sqrt(std::max(rest * (1.0 + b), kLeastSquare)), alpha.size()));
  }
  for_rows(context, out[0], [&](size_t t, size_t element) {
    const auto stream = row(*in[0], t);
    const auto branch = row(*in[1], t);
    const auto y = row(out[0], t);
    for (size_t i = 0; i < y.size(); ++i) {
      y[i] = a.compute(alpha[i] * stream[i], element + i) +
             a.compute(beta[i] * branch[i], element + i);
    }
    a.round(graph::GatedResidual::kOutput, y, element);
  });
}

PLUMB_INSTANTIATE_KERNEL(GatedResidual)

}  // namespace plumb::reference
