#include <algorithm>
#include <cmath>

#include "reference/elementwise.h"
#include "reference/kernels.h"

namespace plumb::reference {
namespace {

// Constants of the source, not of any config.
constexpr double kTemperature = 0.3;
constexpr double kLeastSquare = 1e-3;

// sigmoid(x) of a quotient x. The divisor and the quotient round, which the exponential magnifies;
// the exponential and the reciprocal round too.
template <class A>
double gate(const A& a, double x, size_t element) {
  const double value = 1.0 / (1.0 + std::exp(-x));
  const double magnified = x * (1.0 - value);
  return a.relative(value, std::sqrt(2.0 * magnified * magnified + 2.0), element);
}

// sqrt(1 - beta^2) without its cancellation. What a root is of counts half.
template <class A>
double stream_weight(const A& a, double shut, double beta, size_t element) {
  constexpr double kRoundings = 1.22;  // sqrt(1/4 + 1/4 + 1)
  return a.relative(std::sqrt(std::max(shut * (1.0 + beta), kLeastSquare)), kRoundings, element);
}

struct Weights {
  std::vector<double> alpha;  // of the stream
  std::vector<double> beta;   // of the branch
};

}  // namespace

template <class A>
void compute(const A& a, const graph::GatedResidual&, const Context& context, Inputs in,
             Outputs out) {
  const std::vector<double> w = context.weight(0).values();
  const auto make_weights = [&](size_t sequence) {
    Weights weights;
    for (size_t i = 0; i < w.size(); ++i) {
      const size_t element = 3 * (sequence * w.size() + i);
      weights.beta.push_back(gate(a, w[i] / kTemperature, element));
      const double shut = gate(a, -w[i] / kTemperature, element + 1);
      weights.alpha.push_back(stream_weight(a, shut, weights.beta[i], element + 2));
    }
    return weights;
  };
  const auto join = [&](size_t t, size_t element, const Weights& weights) {
    const auto stream = row(*in[0], t);
    const auto branch = row(*in[1], t);
    const auto y = row(out[0], t);
    for (size_t i = 0; i < y.size(); ++i) {
      y[i] = a.compute(weights.alpha[i] * stream[i], element + i) +
             a.compute(weights.beta[i] * branch[i], element + i);
    }
    a.round(graph::GatedResidual::kOutput, y, element);
  };
  for_rows_sharing(context, out[0], make_weights, join);
}

PLUMB_INSTANTIATE_KERNEL(GatedResidual)

}  // namespace plumb::reference
