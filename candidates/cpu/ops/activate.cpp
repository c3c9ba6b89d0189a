#include <cmath>

#include "candidates/cpu/ops/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/ops/activate.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/simd/activation-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

// The scalars of xIELU, with the softplus of the learned ones taken.
struct Scalars {
  double positive;
  double negative;
  double beta;
  double eps;
};

Scalars read_scalars(const Context& context) {
  const auto scalar = [&](size_t i) { return static_cast<double>(context.weight(i).values()[0]); };
  const auto softplus = [](double x) { return x > 20.0 ? x : std::log1p(std::exp(x)); };
  return {softplus(scalar(0)), scalar(2) + softplus(scalar(1)), scalar(2), scalar(3)};
}

// x > 0: a_p x^2 + beta x; else (expm1(min(x, eps)) - x) a_n + beta x
struct Xielu {
  Scalars scalars;

  HWY_INLINE hn::Vec<D> operator()(hn::Vec<D> x) const {
    const D d;
    const auto eps = hn::Set(d, scalars.eps);
    const auto linear = hn::Mul(hn::Set(d, scalars.beta), x);
    const auto square = hn::Mul(hn::Mul(hn::Set(d, scalars.positive), x), x);
    const auto curve = hn::Sub(expm1_64(hn::IfThenElse(hn::Lt(x, eps), x, eps)), x);
    const auto bent = hn::IfThenElse(hn::Gt(x, hn::Zero(d)), square,
                                     hn::Mul(curve, hn::Set(d, scalars.negative)));
    return hn::Add(bent, linear);
  }
};

Ran activate(const graph::Activate& op, const Context& context) {
  const auto apply = [&](const auto& act) HWY_ATTR {
    for_elements(context, [&](size_t begin, size_t count) HWY_ATTR {
      map64(count, context.out[0].data + begin, act, context.in[0].data + begin);
    });
  };
  if (op.activation == model::Activation::kXielu) {
    apply(Xielu{read_scalars(context)});
  } else {
    with_activation(op.activation, apply);
  }
  return {"elements", target_name()};
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(activate);

Ran compute(const graph::Activate& op, const Context& context) {
  return HWY_DYNAMIC_DISPATCH(activate)(op, context);
}

}  // namespace plumb::candidates::cpu
#endif
