#include <cmath>

#include "candidates/cpu/ops/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/ops/gated_residual.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

// y = alpha stream + beta branch by channel
Ran gated_residual(const Context& context) {
  const size_t width = context.out[0].width;
  const float* const alpha = context.step.constants.data();
  const float* const beta = alpha + width;
  for_rows(context, [&](size_t begin, size_t end) HWY_ATTR {
    for (size_t t = begin; t < end; ++t) {
      map64(
          width, context.out[0].row(t),
          [](auto stream, auto branch, auto a, auto b)
              HWY_ATTR { return hn::MulAdd(a, stream, hn::Mul(b, branch)); },
          context.in[0].row(t), context.in[1].row(t), alpha, beta);
    }
  });
  return {"rows", target_name()};
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(gated_residual);

Ran compute(const graph::GatedResidual&, const Context& context) {
  return HWY_DYNAMIC_DISPATCH(gated_residual)(context);
}

// alpha of all channels, then beta. 1 - beta^2 is sigmoid(-w / 0.3) (1 + beta), without the
// cancellation.
Buffer<float> constants_for(const graph::GatedResidual&, const Step& step) {
  constexpr double kTemperature = 0.3;
  constexpr double kLeastSquare = 1e-3;
  const auto sigmoid = [](double x) { return 1.0 / (1.0 + std::exp(-x)); };
  const std::span<const float> w = step.weights[0]->values();
  Buffer<float> constants(2 * w.size());
  for (size_t i = 0; i < w.size(); ++i) {
    const double x = static_cast<double>(w[i]) / kTemperature;
    const double beta = sigmoid(x);
    const double square = std::max(sigmoid(-x) * (1.0 + beta), kLeastSquare);
    constants[i] = static_cast<float>(std::sqrt(square));
    constants[w.size() + i] = static_cast<float>(beta);
  }
  return constants;
}

}  // namespace plumb::candidates::cpu
#endif
