#include "reference/arithmetic.h"

#include "base/errors.h"

namespace plumb::reference {
namespace {

// The grid on which a format has x: one unit in the last place, never finer than the subnormals.
double spacing(base::Precision to, double x) {
  const double u = base::unit_roundoff(to);
  return std::max(std::ldexp(2.0 * u, std::ilogb(x)), base::least_spacing(to));
}

// Rounds up or down with probabilities that make the error zero in the mean.
double dither(base::Precision to, double x, double uniform) {
  if (x == 0.0 || !std::isfinite(x)) return x;
  const double grid = spacing(to, x);
  return base::round_to(to, std::floor(x / grid + uniform) * grid);
}

}  // namespace

Emulated::Emulated(const graph::Contract& contract, const graph::OpKind& kind,
                   const graph::Circumstances& circumstances, uint64_t key, RoundingMode mode)
    : compute_(contract.compute),
      compute_u_(base::unit_roundoff(contract.compute)),
      key_(key),
      contract_(&contract),
      kind_(&kind),
      circumstances_(circumstances),
      mode_(mode) {
  using base::Precision;
  const double coarsest = graph::coarsest_roundoff(contract);
  for (const Precision to : {Precision::kF32, Precision::kTF32, Precision::kBF16, Precision::kF16,
                             Precision::kE4M3, Precision::kE5M2}) {
    dithers_[static_cast<size_t>(to)] =
        mode == RoundingMode::kDithered && base::unit_roundoff(to) >= coarsest;
  }
  const size_t steps = std::visit(
      [](const auto& op) { return std::size(std::decay_t<decltype(op)>::kSteps); }, kind);
  base::ensure(steps <= kMaxSteps, "an op has few sub-steps");
  for (size_t step = 0; step < steps; ++step) {
    const int at = static_cast<int>(step);
    apply(at, graph::rounding(contract, kind, at, circumstances));
  }
}

void Emulated::set_rounding(int step, const graph::StepRule& rule) {
  apply(step, rule);
  set_[static_cast<size_t>(step)] = true;
}

graph::StepRule Emulated::rule_for(int step, const model::Storage& storage) const {
  const auto at = static_cast<size_t>(step);
  if (set_[at]) return {steps_[at]};
  graph::Circumstances circumstances = circumstances_;
  circumstances.weights = storage;
  return graph::rounding(*contract_, *kind_, step, circumstances);
}

void Emulated::operand(int step, const graph::StepRule& rule, std::span<double> values,
                       size_t columns, base::FunctionRef<size_t(size_t)> noise_row) const {
  if (!rule.codes) {
    Emulated other = *this;
    other.steps_[static_cast<size_t>(step)] = rule.to;
    for (size_t t = 0; t * columns < values.size(); ++t) {
      other.round(step, values.subspan(t * columns, columns), noise_row(t) * columns);
    }
    return;
  }
  constexpr uint64_t kWhichCode = 0x706f727461626c65;
  const uint64_t stream = stream_of(step);
  base::round_to_codes(*rule.codes, values, columns, [&](size_t t) {
    const size_t row = noise_row(t);
    return base::CodeRounding{.portable = base::random_uniform(stream ^ kWhichCode, row) < 0.5,
                              .dithered = mode_ == RoundingMode::kDithered,
                              .key = base::mix64(stream + row)};
  });
}

void Emulated::apply(int step, const graph::StepRule& rule) {
  const auto at = static_cast<size_t>(step);
  steps_[at] = rule.to;
  in_order_[at] = rule.in_order;
  from_table_[at] = rule.from_table;
  sum_scale_[at] = rule.to ? kRoundingRms * base::unit_roundoff(*rule.to) : 0.0;
}

void Emulated::round(int step, std::span<double> values, size_t element) const {
  const std::optional<base::Precision> to = steps_[static_cast<size_t>(step)];
  if (!to) return;
  const uint64_t stream = stream_of(step);
  if (*to == base::Precision::kF64) {
    // Values are in float64 already; what is emulated is the error of having computed them so.
    const double size = kRoundingRms * base::unit_roundoff(*to);
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] += size * std::abs(values[i]) * base::random_normal(stream, element + i);
    }
  } else if (dithers(*to)) {
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = dither(*to, values[i], base::random_uniform(stream, element + i));
    }
  } else {
    base::round_to(*to, values);
  }
}

void Emulated::weight(int step, std::span<double> values, base::DType stored) const {
  using base::Precision;
  const std::optional<Precision> to = steps_[static_cast<size_t>(step)];
  const bool held = !to || to == base::precision_of(stored) || to == Precision::kF64 ||
                    (to == Precision::kF32 && stored != base::DType::kF64);
  if (!held) base::round_to(*to, values);
}

}  // namespace plumb::reference
