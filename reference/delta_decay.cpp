#include <cmath>

#include "reference/activation.h"
#include "reference/elementwise.h"
#include "reference/kernels.h"

namespace plumb::reference {

template <class A>
void compute(const A& a, const graph::DeltaDecay&, const Context& context, Inputs in, Outputs out) {
  const std::vector<double> log_rate = context.weight(0).values();
  const std::vector<double> bias = context.weight(1).values();
  for_rows(context, out[0], [&](size_t t, size_t element) {
    const auto x = row(*in[0], t);
    const auto g = row(out[0], t);
    for (size_t h = 0; h < g.size(); ++h) {
      const double rate = a.compute(a.function(std::exp(log_rate[h]), h), h);
      const double shifted = a.compute(x[h] + bias[h], element + h);
      g[h] = -rate * a.compute(a.function(softplus(shifted), element + h), element + h);
    }
    a.round(graph::DeltaDecay::kOutput, g, element);
  });
}

PLUMB_INSTANTIATE_KERNEL(DeltaDecay)

}  // namespace plumb::reference
