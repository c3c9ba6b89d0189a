#include "reference/elementwise.h"
#include "reference/kernels.h"

namespace plumb::reference {

template <class A>
void compute(const A& a, const graph::Clamp& op, const Context& context, Inputs in, Outputs out) {
  for_rows(context, out[0], [&](size_t t, size_t element) {
    const auto x = row(*in[0], t);
    const auto y = row(out[0], t);
    for (size_t i = 0; i < y.size(); ++i) {
      y[i] = x[i] > op.limit ? op.limit : (x[i] < -op.limit ? -op.limit : x[i]);  // a NaN stays one
    }
    a.round(graph::Clamp::kOutput, y, element);
  });
}

PLUMB_INSTANTIATE_KERNEL(Clamp)

}  // namespace plumb::reference
