// Scalar float64: a row has a number for each value head.
#include <cmath>

#include "candidates/cpu/ops/kernels.h"

namespace plumb::candidates::cpu {

Ran compute(const graph::DeltaDecay&, const Context& context) {
  const Buffer<float>& rates = context.step.constants;
  const std::span<const float> bias = context.weight(1).values();
  for_rows(context, [&](size_t begin, size_t end) {
    for (size_t t = begin; t < end; ++t) {
      for (size_t h = 0; h < rates.size(); ++h) {
        const double x = static_cast<double>(context.in[0].row(t)[h]) + bias[h];
        const double softplus = x > 20.0 ? x : std::log1p(std::exp(x));
        context.out[0].row(t)[h] = static_cast<float>(-rates[h] * softplus);
      }
    }
  });
  return {"rows in float64", ""};
}

// exp(A_log)
Buffer<float> constants_for(const graph::DeltaDecay&, const Step& step) {
  const std::span<const float> log_rates = step.weights[0]->values();
  Buffer<float> rates(log_rates.size());
  std::transform(log_rates.begin(), log_rates.end(), rates.begin(),
                 [](float log) { return static_cast<float>(std::exp(static_cast<double>(log))); });
  return rates;
}

}  // namespace plumb::candidates::cpu
