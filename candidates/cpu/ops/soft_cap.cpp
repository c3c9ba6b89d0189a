#include "candidates/cpu/ops/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/ops/soft_cap.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

Ran soft_cap(const graph::SoftCap& op, const Context& context) {
  for_elements(context, [&](size_t begin, size_t count) HWY_ATTR {
    map64(count, context.out[0].data + begin, Capped{op.cap}, context.in[0].data + begin);
  });
  return {"elements", target_name()};
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(soft_cap);

Ran compute(const graph::SoftCap& op, const Context& context) {
  return HWY_DYNAMIC_DISPATCH(soft_cap)(op, context);
}

}  // namespace plumb::candidates::cpu
#endif
