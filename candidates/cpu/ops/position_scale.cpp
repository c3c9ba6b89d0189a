#include "candidates/cpu/ops/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/ops/position_scale.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

void scale_row(double factor, const float* x, float* y, size_t n) {
  const auto f = hn::Set(D(), factor);
  map64(
      n, y, [&](auto v) HWY_ATTR { return hn::Mul(v, f); }, x);
}

const char* position_scale_target() {
  return target_name();
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(scale_row);

HWY_EXPORT(position_scale_target);

Ran compute(const graph::PositionScale& op, const Context& context) {
  for_sequences(context, [&](const Sequence& sequence, size_t first_row) {
    const auto position = static_cast<double>(sequence.session->position());
    for_rows_of(context, sequence, [&](size_t begin, size_t end) {
      for (size_t t = begin; t < end; ++t) {
        const double factor = op.temperature.factor(position + static_cast<double>(t));
        HWY_DYNAMIC_DISPATCH(scale_row)
        (factor, context.in[0].row(first_row + t), context.out[0].row(first_row + t),
         context.out[0].width);
      }
    });
  });
  return {"rows", HWY_DYNAMIC_DISPATCH(position_scale_target)()};
}

}  // namespace plumb::candidates::cpu
#endif
