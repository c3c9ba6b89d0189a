#include <cmath>

#include "candidates/cpu/ops/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/ops/layer_norm.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

// y = (x - mean) / sqrt(mean((x - mean)^2) + eps) * (w + offset) + b over one group, in float64
// lanes and rounded once. w and b may be empty.
HWY_INLINE void normalize(const float* x, size_t width, std::span<const float> w,
                          std::span<const float> b, double offset, double eps, float* y) {
  const auto n = static_cast<double>(width);
  const double sum = sum64(
      width, [](auto v) HWY_ATTR { return v; }, x);
  const auto mean = hn::Set(D(), sum / n);
  const auto square = [&](auto v) HWY_ATTR {
    const auto from_mean = hn::Sub(v, mean);
    return hn::Mul(from_mean, from_mean);
  };
  const double variance = sum64(width, square, x) / n;
  const auto inverse = hn::Set(D(), 1.0 / std::sqrt(variance + eps));
  const auto shift = hn::Set(D(), offset);
  const auto scaled = [&](auto v, auto weight) HWY_ATTR {
    return hn::Mul(hn::Mul(hn::Sub(v, mean), inverse), hn::Add(weight, shift));
  };
  if (w.empty()) {
    map64(
        width, y, [&](auto v) HWY_ATTR { return hn::Mul(hn::Sub(v, mean), inverse); }, x);
  } else if (b.empty()) {
    map64(width, y, scaled, x, w.data());
  } else {
    const auto shifted = [&](auto v, auto weight, auto bias)
                             HWY_ATTR { return hn::Add(scaled(v, weight), bias); };
    map64(width, y, shifted, x, w.data(), b.data());
  }
}

Ran layer_norm(const graph::LayerNorm& op, const Context& context) {
  const std::span<const float> weights =
      context.has_weight(0) ? context.weight(0).values() : std::span<const float>();
  const std::span<const float> biases =
      context.has_weight(1) ? context.weight(1).values() : std::span<const float>();
  const double offset = op.unit_offset ? 1.0 : 0.0;
  const auto groups = static_cast<size_t>(op.groups);
  const size_t n = context.out[0].width / groups;
  for_rows(context, [&](size_t begin, size_t end) HWY_ATTR {
    for (size_t g = begin * groups; g < end * groups; ++g) {
      normalize(context.in[0].data + g * n, n, part_of(weights, g % groups, n),
                part_of(biases, g % groups, n), offset, op.eps, context.out[0].data + g * n);
    }
  });
  return {"rows", target_name()};
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(layer_norm);

Ran compute(const graph::LayerNorm& op, const Context& context) {
  return HWY_DYNAMIC_DISPATCH(layer_norm)(op, context);
}

}  // namespace plumb::candidates::cpu
#endif
