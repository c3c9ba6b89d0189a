#include <cmath>

#include "reference/activation.h"
#include "reference/elementwise.h"
#include "reference/kernels.h"

namespace plumb::reference {

template <class A>
void compute(const A& a, const graph::DeltaDecay&, const Context& context, Inputs in, Outputs out) {
  const std::vector<double> log_rate = context.weight(0).values();
  const std::vector<double> bias = context.weight(1).values();
  const auto make_rates = [&](size_t sequence) {
    std::vector<double> rates;
    for (size_t h = 0; h < log_rate.size(); ++h) {
      const size_t element = ~(sequence * log_rate.size() + h);
      rates.push_back(a.compute(a.function(std::exp(log_rate[h]), element), element));
    }
    return rates;
  };
  const auto decay = [&](size_t t, size_t element, const std::vector<double>& rates) {
    const auto x = row(*in[0], t);
    const auto g = row(out[0], t);
    for (size_t h = 0; h < g.size(); ++h) {
      const double shifted = a.compute(x[h] + bias[h], element + h);
      g[h] = -rates[h] * a.compute(a.function(softplus(shifted), element + h), element + h);
    }
    a.round(graph::DeltaDecay::kOutput, g, element);
  };
  for_rows_sharing(context, out[0], make_rates, decay);
}

PLUMB_INSTANTIATE_KERNEL(DeltaDecay)

}  // namespace plumb::reference
