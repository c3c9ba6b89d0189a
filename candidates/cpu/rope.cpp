#include "candidates/cpu/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/rope.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

// (x_i, x_j) -> (x_i cos - x_j sin, x_j cos + x_i sin), j = i + half
HWY_INLINE void rotate(const float* x, const float* cos, const float* sin, float* y, size_t half) {
  map(
      F(), half, y,
      [](auto xi, auto xj, auto c, auto s)
          HWY_ATTR { return hn::NegMulAdd(xj, s, hn::Mul(xi, c)); },
      x, x + half, cos, sin);
  map(
      F(), half, y + half,
      [](auto xi, auto xj, auto c, auto s) HWY_ATTR { return hn::MulAdd(xi, s, hn::Mul(xj, c)); },
      x, x + half, cos, sin);
}

Ran rope(const graph::Rope& op, const Context& context) {
  const auto dim = static_cast<size_t>(op.head_dim);
  const auto heads = static_cast<size_t>(op.heads);
  const RopeTables::Table& table = context.ropes.get(op.rope, context.threads);
  for_rows(context, [&](size_t begin, size_t end) HWY_ATTR {
    for (size_t t = begin; t < end; ++t) {
      for (size_t h = 0; h < heads; ++h) {
        const float* const x = context.in[0].row(t) + h * dim;
        float* const y = context.out[0].row(t) + h * dim;
        rotate(x, table.cos(t), table.sin(t), y, table.half);
        for (size_t i = 2 * table.half; i < dim; ++i) y[i] = x[i];
      }
    }
  });
  return {"rows", target_name()};
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(rope);

Ran compute(const graph::Rope& op, const Context& context) {
  return HWY_DYNAMIC_DISPATCH(rope)(op, context);
}

}  // namespace plumb::candidates::cpu
#endif
