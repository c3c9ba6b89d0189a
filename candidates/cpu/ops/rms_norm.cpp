#include <cmath>

#include "candidates/cpu/ops/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/ops/rms_norm.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

// y = x / sqrt(mean(x^2) + eps) * (w + offset) over one group, in float64 lanes and rounded once:
// an error of the sum would be common to the whole row. Without a weight, w is empty.
HWY_INLINE void normalize(const float* x, size_t n, std::span<const float> w, double offset,
                          double eps, float* y) {
  const double mean = dot64(x, x, n) / static_cast<double>(n);
  const auto inverse = hn::Set(D(), 1.0 / std::sqrt(mean + eps));
  const auto shift = hn::Set(D(), offset);
  if (w.empty()) {
    map64(
        n, y, [&](auto v) HWY_ATTR { return hn::Mul(v, inverse); }, x);
  } else {
    const auto scaled = [&](auto v, auto weight) HWY_ATTR {
      return hn::Mul(hn::Mul(v, inverse), hn::Add(weight, shift));
    };
    map64(n, y, scaled, x, w.data());
  }
}

// y = (w + offset) x
HWY_INLINE void scale_input(const float* x, std::span<const float> w, double offset, float* y) {
  const auto shift = hn::Set(D(), offset);
  map64(
      w.size(), y, [&](auto v, auto weight) HWY_ATTR { return hn::Mul(v, hn::Add(weight, shift)); },
      x, w.data());
}

Ran rms_norm(const graph::RmsNorm& op, const Context& context) {
  const std::span<const float> weights =
      context.has_weight(0) ? context.weight(0).values() : std::span<const float>();
  const double offset = op.unit_offset ? 1.0 : 0.0;
  const auto groups = static_cast<size_t>(op.groups);
  const size_t n = context.out[0].width / groups;
  for_rows(context, [&](size_t begin, size_t end) HWY_ATTR {
    for (size_t g = begin * groups; g < end * groups; ++g) {
      const float* const x = context.in[0].data + g * n;
      float* const y = context.out[0].data + g * n;
      const std::span<const float> w = part_of(weights, g % groups, n);
      if (op.input_scaled) {
        scale_input(x, w, offset, y);
        normalize(y, n, {}, 0.0, op.eps, y);
      } else {
        normalize(x, n, w, offset, op.eps, y);
      }
    }
  });
  return {"rows", target_name()};
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(rms_norm);

Ran compute(const graph::RmsNorm& op, const Context& context) {
  return HWY_DYNAMIC_DISPATCH(rms_norm)(op, context);
}

}  // namespace plumb::candidates::cpu
#endif
