#include <cmath>
#include <vector>

#include "base/errors.h"
#include "candidates/cpu/ops/kernels.h"

namespace plumb::candidates::cpu {
namespace {

void take_row(const Weight& table, size_t position, float* y) {
  base::ensure(position < table.rows(), "a position has its row in the table");
  table.widen(position, 1, y);
}

// 10000^(-i / spread)
std::vector<double> frequencies(double spread, size_t count) {
  constexpr double kTheta = 10000.0;
  std::vector<double> values(count);
  for (size_t i = 0; i < count; ++i) {
    values[i] = std::pow(kTheta, -static_cast<double>(i) / spread);
  }
  return values;
}

void sinusoids(const std::vector<double>& frequencies, double position, float* y) {
  for (size_t i = 0; i < frequencies.size(); ++i) {
    y[i] = static_cast<float>(std::sin(position * frequencies[i]));
    y[frequencies.size() + i] = static_cast<float>(std::cos(position * frequencies[i]));
  }
}

}  // namespace

Ran compute(const graph::PositionEmbedding& op, const Context& context) {
  const bool learned = context.has_weight(0);
  const std::vector<double> turns =
      learned ? std::vector<double>() : frequencies(op.spread, context.out[0].width / 2);
  for_sequences(context, [&](const Sequence& sequence, size_t first_row) {
    const auto first = static_cast<size_t>(sequence.session->position() + op.offset);
    for (size_t t = 0; t < sequence.rows(); ++t) {
      float* const y = context.out[0].row(first_row + t);
      if (learned) {
        take_row(context.weight(0), first + t, y);
      } else {
        sinusoids(turns, static_cast<double>(first + t), y);
      }
    }
  });
  return {learned ? "table" : "sinusoids", ""};
}

}  // namespace plumb::candidates::cpu
