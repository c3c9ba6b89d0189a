#include "candidates/cpu/ops/gated_activation.h"
#include "candidates/cpu/ops/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/ops/gate.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/simd/activation-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

// One gate for n elements: y = act(gate) x
void gate_all(model::Activation activation, double gate, const float* x, float* y, size_t n) {
  with_activation(activation, [&](const auto& act) HWY_ATTR {
    const auto factor = act(hn::Set(D(), gate));
    map64(
        n, y, [&](auto v) HWY_ATTR { return hn::Mul(v, factor); }, x);
  });
}

// A gate for each of n elements, with one bias: y = act(gate + bias) x
void gate_each(model::Activation activation, double bias, const float* gate, const float* x,
               float* y, size_t n) {
  with_activation(activation, [&](const auto& act) HWY_ATTR {
    const auto b = hn::Set(D(), bias);
    map64(
        n, y, [&](auto g, auto v) HWY_ATTR { return hn::Mul(v, act(hn::Add(g, b))); }, gate, x);
  });
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(gate_all);
HWY_EXPORT(gate_each);

namespace {

// One row, of which each number of the gate serves a part, and each bias a part of the gate.
void gate_row(model::Activation activation, std::span<const float> bias,
              std::span<const float> gates, const float* x, std::span<float> y) {
  const size_t part = y.size() / gates.size();
  const size_t shared = gates.size() / std::max<size_t>(bias.size(), 1);  // gates that share a bias
  for (size_t i = 0; i < gates.size(); i += part == 1 ? shared : 1) {
    const double b = bias.empty() ? 0.0 : static_cast<double>(bias[i / shared]);
    if (part == 1) {
      HWY_DYNAMIC_DISPATCH(gate_each)(activation, b, &gates[i], x + i, &y[i], shared);
    } else {
      const double gate = static_cast<double>(gates[i]) + b;
      HWY_DYNAMIC_DISPATCH(gate_all)(activation, gate, x + i * part, &y[i * part], part);
    }
  }
}

}  // namespace

Ran compute(const graph::Gate& op, const Context& context) {
  const Rows& x = context.in[0];
  const Rows& gates = context.in[1];
  const Rows& y = context.out[0];
  const auto bias = context.has_weight(0) ? context.weight(0).values() : std::span<const float>();
  if (gates.width == y.width && bias.empty()) {
    for_elements(context, [&](size_t begin, size_t count) {
      gate(op.activation, gates.data + begin, x.data + begin, y.data + begin, count);
    });
    return {"elements", gate_target()};
  }
  for_rows(context, [&](size_t begin, size_t end) {
    for (size_t t = begin; t < end; ++t) {
      gate_row(op.activation, bias, {gates.row(t), gates.width}, x.row(t), {y.row(t), y.width});
    }
  });
  return {"rows", gate_target()};
}

}  // namespace plumb::candidates::cpu
#endif
