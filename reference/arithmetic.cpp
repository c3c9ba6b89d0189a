#include "reference/arithmetic.h"

#include "base/errors.h"

namespace plumb::reference {
namespace {

// The grid on which `dtype` has x: one unit in the last place, never finer than the subnormals.
double spacing(base::DType dtype, double x) {
  const double u = base::unit_roundoff(dtype);
  const int exponent = std::ilogb(x);
  const double smallest = dtype == base::DType::kF16 ? 0x1p-24 : 0x1p-149;
  return std::max(std::ldexp(2.0 * u, exponent), smallest);
}

// Rounds up or down with probabilities that make the error zero in the mean.
double dither(base::DType dtype, double x, double uniform) {
  if (x == 0.0 || !std::isfinite(x)) return x;
  const double grid = spacing(dtype, x);
  return base::round_to(dtype, std::floor(x / grid + uniform) * grid);
}

}  // namespace

Emulated::Emulated(const graph::Contract& contract, const graph::OpKind& kind, uint64_t key,
                   RoundingMode mode)
    : compute_(contract.compute), compute_u_(base::unit_roundoff(contract.compute)), key_(key) {
  const double coarsest = graph::coarsest_roundoff(contract);
  for (const auto dtype : {base::DType::kF32, base::DType::kBF16, base::DType::kF16}) {
    dithers_[static_cast<size_t>(dtype)] =
        mode == RoundingMode::kDithered && base::unit_roundoff(dtype) >= coarsest;
  }
  const size_t steps = std::visit(
      [](const auto& op) { return std::size(std::decay_t<decltype(op)>::kSteps); }, kind);
  base::ensure(steps <= kMaxSteps, "an op has few sub-steps");
  for (size_t step = 0; step < steps; ++step) {
    set_rounding(static_cast<int>(step), graph::rounding(contract, kind, static_cast<int>(step)));
  }
}

void Emulated::set_rounding(int step, std::optional<base::DType> dtype) {
  const auto at = static_cast<size_t>(step);
  dtypes_[at] = dtype;
  sum_scale_[at] = dtype ? kRoundingRms * base::unit_roundoff(*dtype) : 0.0;
}

void Emulated::round(int step, std::span<double> values, size_t element) const {
  const std::optional<base::DType> dtype = dtypes_[static_cast<size_t>(step)];
  if (!dtype) return;
  const uint64_t stream = stream_of(step);
  if (*dtype == base::DType::kF64) {
    // Values are in float64 already; what is emulated is the error of having computed them so.
    const double size = kRoundingRms * base::unit_roundoff(*dtype);
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] += size * std::abs(values[i]) * base::random_normal(stream, element + i);
    }
  } else if (dithers(*dtype)) {
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = dither(*dtype, values[i], base::random_uniform(stream, element + i));
    }
  } else {
    base::round_to(*dtype, values);
  }
}

void Emulated::weight(int step, std::span<double> values, base::DType stored) const {
  const std::optional<base::DType> dtype = dtypes_[static_cast<size_t>(step)];
  const bool held = !dtype || dtype == stored || dtype == base::DType::kF64 ||
                    (dtype == base::DType::kF32 && stored != base::DType::kF64);
  if (!held) base::round_to(*dtype, values);
}

}  // namespace plumb::reference
