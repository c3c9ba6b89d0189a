#include "candidates/cpu/ops/gated_activation.h"

#include "candidates/cpu/ops/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/ops/gated_activation.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/simd/activation-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

void gate_by(model::Activation activation, const float* gate, const float* up, float* y, size_t n) {
  with_activation(activation, [&](const auto& act) HWY_ATTR {
    map64(
        n, y, [&](auto g, auto u) HWY_ATTR { return hn::Mul(act(g), u); }, gate, up);
  });
}

// Comparisons that a NaN fails: it stays one.
HWY_INLINE hn::Vec<D> at_most(hn::Vec<D> x, hn::Vec<D> limit) {
  return hn::IfThenElse(hn::Gt(x, limit), limit, x);
}

void glu_by(double limit, double alpha, const float* gate, const float* up, float* y, size_t n) {
  const auto most = hn::Set(D(), limit);
  const auto sharpness = hn::Set(D(), alpha);
  const auto glu = [&](auto g, auto u) HWY_ATTR {
    g = at_most(g, most);
    u = hn::Neg(at_most(hn::Neg(at_most(u, most)), most));
    const auto open = hn::Mul(g, Sigmoid()(hn::Mul(sharpness, g)));
    return hn::Mul(open, hn::Add(u, hn::Set(D(), 1.0)));
  };
  map64(n, y, glu, gate, up);
}

const char* target() {
  return target_name();
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(gate_by);
HWY_EXPORT(glu_by);
HWY_EXPORT(target);

void gate(model::Activation activation, const float* gate, const float* up, float* y, size_t n) {
  HWY_DYNAMIC_DISPATCH(gate_by)(activation, gate, up, y, n);
}

void clamped_glu(double limit, double alpha, const float* gate, const float* up, float* y,
                 size_t n) {
  HWY_DYNAMIC_DISPATCH(glu_by)(limit, alpha, gate, up, y, n);
}

const char* gate_target() {
  return HWY_DYNAMIC_DISPATCH(target)();
}

Ran compute(const graph::GatedActivation& op, const Context& context) {
  for_elements(context, [&](size_t begin, size_t count) {
    gate(op.activation, context.in[0].data + begin, context.in[1].data + begin,
         context.out[0].data + begin, count);
  });
  return {"elements", gate_target()};
}

}  // namespace plumb::candidates::cpu
#endif
