#include <cmath>

#include "candidates/cpu/ops/kernels.h"
#include "candidates/cpu/products/product.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/ops/linear.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

// y = y * factor (+ bias) by column; no bias where it is null
void rescale(const float* factor, const float* bias, float* y, size_t n) {
  if (bias == nullptr) {
    map(
        F(), n, y, [](auto v, auto f) HWY_ATTR { return hn::Mul(v, f); }, y, factor);
  } else {
    map(
        F(), n, y, [](auto v, auto f, auto b) HWY_ATTR { return hn::MulAdd(v, f, b); }, y, factor,
        bias);
  }
}

double square_of_length(const float* row, size_t n) {
  return dot64(row, row, n);
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(rescale);
HWY_EXPORT(square_of_length);

Product product_of(const graph::Linear& op, const Context& context) {
  const Rows& y = context.out[0];
  const float* const bias = context.has_weight(1) ? context.weight(1).values().data() : nullptr;
  return {.weight = &context.weight(0),
          .columns = y.width,
          .bias = op.normalized_rows ? nullptr : bias,
          .x = context.in[0].data,
          .rows = context.rows(),
          .y = y.data,
          .y_stride = y.width};
}

void finish_product(const graph::Linear& op, const Context& context) {
  if (!op.normalized_rows) return;
  const Rows& y = context.out[0];
  const float* const bias = context.has_weight(1) ? context.weight(1).values().data() : nullptr;
  for_rows(context, [&](size_t begin, size_t end) {
    for (size_t t = begin; t < end; ++t) {
      HWY_DYNAMIC_DISPATCH(rescale)(context.step.constants.data(), bias, y.row(t), y.width);
    }
  });
}

Ran compute(const graph::Linear& op, const Context& context) {
  const Product product = product_of(op, context);
  multiply({&product, 1}, context.threads, context.scratch);
  finish_product(op, context);
  return ran_by(product);
}

// With normalized rows, what brings each row of W to unit length: the product is multiplied by it
// instead of the weights, which stay where they lie.
Buffer<float> constants_for(const graph::Linear& op, const Step& step) {
  if (!op.normalized_rows) return {};
  constexpr double kLeastLength = 1e-12;
  const Weight& weight = *step.weights[0];
  Buffer<float> factors(weight.rows());
  std::vector<float> row(weight.columns());
  for (size_t j = 0; j < factors.size(); ++j) {
    weight.widen(j, 1, row.data());
    const double square = HWY_DYNAMIC_DISPATCH(square_of_length)(row.data(), row.size());
    factors[j] = static_cast<float>(1.0 / std::max(std::sqrt(square), kLeastLength));
  }
  return factors;
}

ScratchSize scratch_for(const graph::Linear&, const Step& step) {
  return {.per_worker = product_scratch(*step.weights[0])};
}

}  // namespace plumb::candidates::cpu
#endif
