#include "reference/kernels.h"

namespace plumb::reference {

template <class A>
void compute(const A& a, const graph::Embedding&, const Context& context, Inputs, Outputs out) {
  using Step = graph::Embedding;
  const model::WeightView& table = context.weight(0);
  Matrix& y = out[0];
  for_sequences(context, [&](const Sequence& sequence, size_t first) {
    for (size_t t = 0; t < sequence.rows(); ++t) {
      const std::span<double> to = row(y, first + t);
      table.widen(static_cast<size_t>(sequence.tokens[t]), 1, to);
      a.round(Step::kOutput, to, (first + t) * to.size());
    }
  });
}

PLUMB_INSTANTIATE_KERNEL(Embedding)

}  // namespace plumb::reference
