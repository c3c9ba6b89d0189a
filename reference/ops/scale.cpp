#include "reference/elementwise.h"
#include "reference/kernels.h"

namespace plumb::reference {

template <class A>
void compute(const A& a, const graph::Scale& op, const Context& context, Inputs in, Outputs out) {
  using Step = graph::Scale;
  const double factor = a.round(Step::kFactor, op.factor, 0);
  for_rows(context, out[0], [&](size_t t, size_t element) {
    const auto x = row(*in[0], t);
    const auto y = row(out[0], t);
    for (size_t i = 0; i < y.size(); ++i) y[i] = x[i] * factor;
    a.round(Step::kOutput, y, element);
  });
}

PLUMB_INSTANTIATE_KERNEL(Scale)

}  // namespace plumb::reference
