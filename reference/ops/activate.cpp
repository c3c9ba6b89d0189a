#include <cmath>
#include <numbers>

#include "reference/activation.h"
#include "reference/elementwise.h"
#include "reference/kernels.h"

namespace plumb::reference {
namespace {

// The scalars of xIELU, with the softplus of the learned ones taken.
struct Xielu {
  double positive;
  double negative;
  double beta;
  double eps;
};

// The errors of a softplus (of its exponential and its logarithm) are common to all that it scales.
template <class A>
Xielu read_xielu(const A& a, const Context& context, size_t sequence) {
  const auto scalar = [&](size_t i) { return context.weight(i).values().front(); };
  const auto scaling = [&](size_t i) {
    const size_t element = ~(2 * sequence + i);
    const double value = a.relative(softplus(scalar(i)), std::numbers::sqrt2, element);
    return a.round(graph::Activate::kScalar, value, element);
  };
  const double beta = scalar(2);
  return {scaling(0), a.round(graph::Activate::kScalar, beta + scaling(1), ~sequence), beta,
          scalar(3)};
}

// x > 0: a_p x^2 + beta x; else (expm1(min(x, eps)) - x) a_n + beta x, every step stored
template <class A>
double xielu(const A& a, const Xielu& p, double x, size_t element) {
  const auto stored = [&](double v) { return a.round(graph::Activate::kScalar, v, element); };
  const double linear = stored(p.beta * x);
  if (x > 0.0) return stored(stored(p.positive * x) * x) + linear;
  const double curve = stored(a.function(std::expm1(x < p.eps ? x : p.eps), element));
  return stored(stored(curve - x) * p.negative) + linear;
}

}  // namespace

template <class A>
void compute(const A& a, const graph::Activate& op, const Context& context, Inputs in,
             Outputs out) {
  const bool is_xielu = op.activation == model::Activation::kXielu;
  const auto read = [&](size_t sequence) {
    return is_xielu ? read_xielu(a, context, sequence) : Xielu{};
  };
  for_rows_sharing(context, out[0], read, [&](size_t t, size_t element, const Xielu& scalars) {
    const auto x = row(*in[0], t);
    const auto y = row(out[0], t);
    for (size_t i = 0; i < y.size(); ++i) {
      y[i] = is_xielu
                 ? xielu(a, scalars, x[i], element + i)
                 : activate(a, op.activation,
                            a.argument(graph::Activate::kOutput, x[i], element + i), element + i);
    }
    a.round(graph::Activate::kOutput, y, element);
  });
}

PLUMB_INSTANTIATE_KERNEL(Activate)

}  // namespace plumb::reference
