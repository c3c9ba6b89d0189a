#include <cmath>

#include "reference/elementwise.h"
#include "reference/kernels.h"

namespace plumb::reference {

template <class A>
void compute(const A& a, const graph::SoftCap& op, const Context& context, Inputs in, Outputs out) {
  using Step = graph::SoftCap;
  for_rows(context, out[0], [&](size_t t, size_t element) {
    const auto x = row(*in[0], t);
    const auto y = row(out[0], t);
    for (size_t i = 0; i < y.size(); ++i) y[i] = x[i] / op.cap;
    a.round(Step::kDivided, y, element);
    for (double& v : y) v = std::tanh(v);
    a.function(y, element);
    a.round(Step::kTanh, y, element);
    for (double& v : y) v *= op.cap;
    a.round(Step::kOutput, y, element);
  });
}

PLUMB_INSTANTIATE_KERNEL(SoftCap)

}  // namespace plumb::reference
