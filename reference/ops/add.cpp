#include "reference/elementwise.h"
#include "reference/kernels.h"

namespace plumb::reference {

template <class A>
void compute(const A& a, const graph::Add& op, const Context& context, Inputs in, Outputs out) {
  for_rows(context, out[0], [&](size_t t, size_t element) {
    const auto stream = row(*in[0], t);
    const auto branch = row(*in[1], t);
    const auto y = row(out[0], t);
    for (size_t i = 0; i < y.size(); ++i) y[i] = branch[i] * op.multiplier;
    if (op.multiplier != 1.0) a.round(graph::Add::kProduct, y, element);
    for (size_t i = 0; i < y.size(); ++i) y[i] += stream[i];
    a.round(graph::Add::kOutput, y, element);
  });
}

PLUMB_INSTANTIATE_KERNEL(Add)

}  // namespace plumb::reference
