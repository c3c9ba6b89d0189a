#include "candidates/cpu/gated_activation.h"

#include "candidates/cpu/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/gated_activation.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

template <class Activation>
void gate_by(const Activation& act, const float* gate, const float* up, float* y, size_t n) {
  map64(
      n, y, [&](auto g, auto u) HWY_ATTR { return hn::Mul(act(g), u); }, gate, up);
}

const char* gate_target() {
  return target_name();
}

void gate(model::Activation activation, const float* gate, const float* up, float* y, size_t n) {
  using model::Activation;
  switch (activation) {
    case Activation::kSilu:
      gate_by(Silu(), gate, up, y, n);
      break;
    case Activation::kGelu:
      gate_by(Gelu(), gate, up, y, n);
      break;
    case Activation::kGeluTanh:
      gate_by(GeluTanh(), gate, up, y, n);
      break;
    case Activation::kRelu:
      gate_by(Relu(), gate, up, y, n);
      break;
    case Activation::kRelu2:
      gate_by(Relu2(), gate, up, y, n);
      break;
    default:
      HWY_ABORT("no kernel of this activation yet");
  }
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(gate);
HWY_EXPORT(gate_target);

void gate(model::Activation activation, const float* gate, const float* up, float* y, size_t n) {
  HWY_DYNAMIC_DISPATCH(gate)(activation, gate, up, y, n);
}

Ran compute(const graph::GatedActivation& op, const Context& context) {
  for_elements(context, [&](size_t begin, size_t count) {
    gate(op.activation, context.in[0].data + begin, context.in[1].data + begin,
         context.out[0].data + begin, count);
  });
  return {"elements", HWY_DYNAMIC_DISPATCH(gate_target)()};
}

}  // namespace plumb::candidates::cpu
#endif
