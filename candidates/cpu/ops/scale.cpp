#include "candidates/cpu/ops/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/ops/scale.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

// A factor that is rounded before it multiplies is rounded to float32, the type of the activations,
// in both engines.
Ran scale(const graph::Scale& op, const Context& context) {
  const double factor =
      op.factor_rounded ? static_cast<double>(static_cast<float>(op.factor)) : op.factor;
  for_elements(context, [&](size_t begin, size_t count) HWY_ATTR {
    const auto f = hn::Set(D(), factor);
    map64(
        count, context.out[0].data + begin, [&](auto x) HWY_ATTR { return hn::Mul(x, f); },
        context.in[0].data + begin);
  });
  return {"elements", target_name()};
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(scale);

Ran compute(const graph::Scale& op, const Context& context) {
  return HWY_DYNAMIC_DISPATCH(scale)(op, context);
}

}  // namespace plumb::candidates::cpu
#endif
