#include "candidates/cpu/ops/gated_activation.h"
#include "candidates/cpu/ops/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/ops/gate.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/simd/activation-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

// One gate for a whole row: y = act(gate) x
void gate_row(model::Activation activation, float gate, const float* x, float* y, size_t n) {
  with_activation(activation, [&](const auto& act) HWY_ATTR {
    const auto factor = act(hn::Set(D(), static_cast<double>(gate)));
    map64(
        n, y, [&](auto v) HWY_ATTR { return hn::Mul(v, factor); }, x);
  });
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(gate_row);

Ran compute(const graph::Gate& op, const Context& context) {
  const Rows& x = context.in[0];
  const Rows& gates = context.in[1];
  const Rows& y = context.out[0];
  if (gates.width == y.width) {
    for_elements(context, [&](size_t begin, size_t count) {
      gate(op.activation, gates.data + begin, x.data + begin, y.data + begin, count);
    });
    return {"elements", gate_target()};
  }
  for_rows(context, [&](size_t begin, size_t end) {
    for (size_t t = begin; t < end; ++t) {
      HWY_DYNAMIC_DISPATCH(gate_row)(op.activation, *gates.row(t), x.row(t), y.row(t), y.width);
    }
  });
  return {"rows", gate_target()};
}

}  // namespace plumb::candidates::cpu
#endif
