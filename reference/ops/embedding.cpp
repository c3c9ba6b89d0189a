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
      const auto vocabulary = static_cast<int64_t>(table.rows());
      const int64_t token = sequence.tokens[t] + context.deviation.token_shift;
      table.widen(static_cast<size_t>((token + vocabulary) % vocabulary), 1, to);
      a.weight(Step::kWeight, to, table.dtype());
      a.round(Step::kOutput, to, (first + t) * to.size());
    }
  });
}

PLUMB_INSTANTIATE_KERNEL(Embedding)

}  // namespace plumb::reference
