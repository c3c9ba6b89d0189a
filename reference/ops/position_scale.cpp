#include "reference/kernels.h"

namespace plumb::reference {

template <class A>
void compute(const A& a, const graph::PositionScale& op, const Context& context, Inputs in,
             Outputs out) {
  using Step = graph::PositionScale;
  for_sequences(context, [&](const Sequence& sequence, size_t start) {
    for (size_t t = start; t < start + sequence.rows(); ++t) {
      const auto position =
          static_cast<double>(sequence.first_position + context.deviation.position_shift +
                              static_cast<int64_t>(t - start));
      const double factor =
          a.round(Step::kFactor, a.function(op.temperature.factor(position), t), t);
      const auto x = row(*in[0], t);
      const auto y = row(out[0], t);
      for (size_t i = 0; i < y.size(); ++i) y[i] = x[i] * factor;
      a.round(Step::kOutput, y, t * y.size());
    }
  });
}

PLUMB_INSTANTIATE_KERNEL(PositionScale)

}  // namespace plumb::reference
