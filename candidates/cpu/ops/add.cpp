#include "candidates/cpu/ops/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/ops/add.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

Ran add(const graph::Add& op, const Context& context) {
  for_elements(context, [&](size_t begin, size_t count) HWY_ATTR {
    const float* const stream = context.in[0].data + begin;
    const float* const branch = context.in[1].data + begin;
    float* const y = context.out[0].data + begin;
    if (op.multiplier == 1.0) {
      map(
          F(), count, y, [](auto s, auto b) HWY_ATTR { return hn::Add(s, b); }, stream, branch);
    } else {
      const auto m = hn::Set(D(), op.multiplier);
      map64(
          count, y, [&](auto s, auto b) HWY_ATTR { return hn::MulAdd(m, b, s); }, stream, branch);
    }
  });
  return {"elements", target_name()};
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(add);

Ran compute(const graph::Add& op, const Context& context) {
  return HWY_DYNAMIC_DISPATCH(add)(op, context);
}

}  // namespace plumb::candidates::cpu
#endif
