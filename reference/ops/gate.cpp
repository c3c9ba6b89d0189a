#include "reference/activation.h"
#include "reference/elementwise.h"
#include "reference/kernels.h"

namespace plumb::reference {

template <class A>
void compute(const A& a, const graph::Gate& op, const Context& context, Inputs in, Outputs out) {
  using Step = graph::Gate;
  const size_t gate_width = in[1]->shape(1);
  const size_t part = out[0].shape(1) / gate_width;  // what one number of the gate serves
  std::vector<double> bias;
  if (context.has_weight(0)) bias = context.weight(0).values();
  for_rows(context, out[0], [&](size_t t, size_t element) {
    const auto x = row(*in[0], t);
    const auto plain = row(*in[1], t);
    std::vector<double> gate(plain.begin(), plain.end());
    if (!bias.empty()) {
      for (size_t i = 0; i < gate_width; ++i) gate[i] += bias[i / (gate_width / bias.size())];
      a.round(Step::kBiased, gate, element);
    }
    const auto y = row(out[0], t);
    const size_t first = context.noise_row(t) * gate_width;
    for (size_t i = 0; i < y.size(); ++i) {
      y[i] = activate(a, op.activation, gate[i / part], first + i / part);
    }
    a.round(Step::kActivated, y, element);
    for (size_t i = 0; i < y.size(); ++i) y[i] *= x[i];
    a.round(Step::kOutput, y, element);
  });
}

PLUMB_INSTANTIATE_KERNEL(Gate)

}  // namespace plumb::reference
