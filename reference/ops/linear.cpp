#include "reference/kernels.h"
#include "reference/product.h"

namespace plumb::reference {

template <class A>
void compute(const A& a, const graph::Linear& op, const Context& context, Inputs in, Outputs out) {
  using Step = graph::Linear;
  std::vector<size_t> segments;
  for (const Sequence& sequence : context.sequences) segments.push_back(sequence.rows());
  std::vector<double> bias;
  if (context.has_weight(1)) bias = context.weight(1).values();
  project(a, {Step::kInput, Step::kSum, Step::kOutput, Step::kWeight, Step::kLength, Step::kRow},
          context, *in[0], segments, {context.weight(0), 0, op.normalized_rows}, bias, out[0]);
}

PLUMB_INSTANTIATE_KERNEL(Linear)

}  // namespace plumb::reference
