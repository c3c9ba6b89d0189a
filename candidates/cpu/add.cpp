#include "candidates/cpu/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/add.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

Ran add(const Context& context) {
  for_elements(context, [&](size_t begin, size_t count) HWY_ATTR {
    map(
        F(), count, context.out[0].data + begin,
        [](auto stream, auto branch) HWY_ATTR { return hn::Add(stream, branch); },
        context.in[0].data + begin, context.in[1].data + begin);
  });
  return {"elements", target_name()};
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(add);

Ran compute(const graph::Add&, const Context& context) {
  return HWY_DYNAMIC_DISPATCH(add)(context);
}

}  // namespace plumb::candidates::cpu
#endif
