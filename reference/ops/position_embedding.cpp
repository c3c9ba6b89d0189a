#include <cmath>

#include "reference/kernels.h"

namespace plumb::reference {
namespace {

using Step = graph::PositionEmbedding;

// [sin(a_i) | cos(a_i)], a_i = position theta^(-i / spread)
template <class A>
void sinusoids(const A& a, double spread, double position, std::span<double> y, size_t element) {
  constexpr double kTheta = 10000.0;
  const size_t half = y.size() / 2;
  for (size_t i = 0; i < half; ++i) {
    const double exponent = static_cast<double>(i) / spread * std::log(kTheta);
    // As of a rope's frequencies: the exponent's rounding and the exponential's.
    const double roundings = i == 0 ? 0.0 : std::sqrt(exponent * exponent + 2.0);
    const double frequency = a.relative(std::exp(-exponent), roundings, ~i);
    const double angle = a.round(Step::kAngle, position * frequency, element + i);
    y[i] = a.function(std::sin(angle), element + i);
    y[half + i] = a.function(std::cos(angle), element + half + i);
  }
}

}  // namespace

template <class A>
void compute(const A& a, const graph::PositionEmbedding& op, const Context& context, Inputs,
             Outputs out) {
  for_sequences(context, [&](const Sequence& sequence, size_t first) {
    for (size_t t = 0; t < sequence.rows(); ++t) {
      const std::span<double> to = row(out[0], first + t);
      const size_t element = (first + t) * to.size();
      const int64_t position = sequence.first_position + static_cast<int64_t>(t) + op.offset +
                               context.deviation.position_shift;
      if (context.has_weight(0)) {
        const model::WeightView& table = context.weight(0);
        const auto rows = static_cast<int64_t>(table.rows());
        table.widen(static_cast<size_t>((position % rows + rows) % rows), 1, to);
        a.weight(Step::kWeight, to, table.dtype());
      } else {
        sinusoids(a, op.spread, static_cast<double>(position), to, element);
      }
      a.round(Step::kOutput, to, element);
    }
  });
}

PLUMB_INSTANTIATE_KERNEL(PositionEmbedding)

}  // namespace plumb::reference
