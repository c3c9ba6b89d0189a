#include "reference/activation.h"
#include "reference/elementwise.h"
#include "reference/kernels.h"

namespace plumb::reference {

template <class A>
void compute(const A& a, const graph::GatedActivation& op, const Context& context, Inputs in,
             Outputs out) {
  using Step = graph::GatedActivation;
  for_rows(context, out[0], [&](size_t t, size_t element) {
    const auto gate = row(*in[0], t);
    const auto up = row(*in[1], t);
    const auto y = row(out[0], t);
    for (size_t i = 0; i < y.size(); ++i) {
      const double x = a.argument(Step::kActivated, gate[i], element + i);
      y[i] = activate(a, op.activation, x, element + i);
    }
    a.round(Step::kActivated, y, element);
    for (size_t i = 0; i < y.size(); ++i) y[i] *= up[i];
    a.round(Step::kOutput, y, element);
  });
}

PLUMB_INSTANTIATE_KERNEL(GatedActivation)

}  // namespace plumb::reference
