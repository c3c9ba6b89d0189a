#include "candidates/cpu/ops/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/ops/clamp.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

Ran clamp(const graph::Clamp& op, const Context& context) {
  for_elements(context, [&](size_t begin, size_t count) HWY_ATTR {
    const auto most = hn::Set(F(), static_cast<float>(op.limit));
    const auto least = hn::Neg(most);
    // Comparisons that a NaN fails: it stays one.
    const auto clamped = [&](auto x) HWY_ATTR {
      return hn::IfThenElse(hn::Gt(x, most), most, hn::IfThenElse(hn::Lt(x, least), least, x));
    };
    map(F(), count, context.out[0].data + begin, clamped, context.in[0].data + begin);
  });
  return {"elements", target_name()};
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(clamp);

Ran compute(const graph::Clamp& op, const Context& context) {
  return HWY_DYNAMIC_DISPATCH(clamp)(op, context);
}

}  // namespace plumb::candidates::cpu
#endif
