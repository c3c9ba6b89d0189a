#include <cmath>

#include "candidates/cpu/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/rms_norm.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

// y = x / sqrt(mean(x^2) + eps) * (w + offset) over one group, in float64 lanes and rounded once:
// an error of the sum would be common to the whole row.
HWY_INLINE void normalize(const float* x, std::span<const float> w, double offset, double eps,
                          float* y) {
  const double mean = dot64(x, x, w.size()) / static_cast<double>(w.size());
  const auto inverse = hn::Set(D(), 1.0 / std::sqrt(mean + eps));
  const auto shift = hn::Set(D(), offset);
  const auto scaled = [&](auto v, auto weight)
                          HWY_ATTR { return hn::Mul(hn::Mul(v, inverse), hn::Add(weight, shift)); };
  map64(w.size(), y, scaled, x, w.data());
}

Ran rms_norm(const graph::RmsNorm& op, const Context& context) {
  const std::span<const float> w = context.weight(0).vector();
  const double offset = op.unit_offset ? 1.0 : 0.0;
  for_rows(context, [&](size_t begin, size_t end) HWY_ATTR {
    const size_t groups = (end - begin) * static_cast<size_t>(op.groups);
    for (size_t g = 0; g < groups; ++g) {
      normalize(context.in[0].row(begin) + g * w.size(), w, offset, op.eps,
                context.out[0].row(begin) + g * w.size());
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
