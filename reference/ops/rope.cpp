#include <cmath>

#include "graph/rope_frequencies.h"
#include "reference/kernels.h"

namespace plumb::reference {
namespace {

using graph::Rope;
using model::RopePairs;

// cos and sin of one position's angles.
struct Turn {
  std::vector<double> cos;
  std::vector<double> sin;
};

// By how much "llama3" magnifies a relative error of a frequency: where it blends, the blend
// depends on the frequency too.
double magnification(const model::RopeSpec& rope, double plain) {
  if (rope.scaling.kind != model::RopeScaling::Kind::kLlama3) return 1.0;
  constexpr double kStep = 1e-6;
  const auto at = [&](double factor) {
    return std::log(graph::llama3_frequency(plain * factor, rope.scaling));
  };
  return (at(1.0 + kStep) - at(1.0 - kStep)) / (2.0 * kStep);
}

// The frequencies as an engine holds them. theta^y with y rounded has a relative error of
// y ln(theta) roundings; the power, the reciprocal and the scaling add theirs. The same at every
// position, so it grows with the position like nothing else in a forward.
template <class A>
std::vector<double> held_frequencies(const A& a, const model::RopeSpec& rope, double length,
                                     const std::vector<double>& wrong, size_t sequence) {
  constexpr double kOtherRoundings = 4.0;
  constexpr double kBlendRoundings = 3.0;  // of the wavelength, its share of the context, the blend
  std::vector<double> frequencies =
      wrong.empty() ? graph::inverse_frequencies(rope, length) : wrong;
  const double log_theta = std::log(rope.theta);
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const double exponent = 2.0 * static_cast<double>(i) / rope.rotary_dim * log_theta;
    const double magnified = magnification(rope, std::exp(-exponent));
    // The first is a power of zero, exact but for what the scaling makes of it.
    const double power = i == 0 ? 0.0 : exponent * exponent + kOtherRoundings;
    const double blend = kBlendRoundings * (magnified - 1.0);
    const double roundings = std::sqrt(magnified * magnified * power + blend * blend);
    frequencies[i] = a.relative(frequencies[i], roundings, ~(sequence * frequencies.size() + i));
  }
  a.round(Rope::kAngle, frequencies, 0);
  return frequencies;
}

double position_of(const Deviation& deviation, int64_t position) {
  const auto shifted = static_cast<double>(position + deviation.position_shift);
  return deviation.position_factor *
         (deviation.positions ? base::round_to(*deviation.positions, shifted) : shifted);
}

template <class A>
Turn turn_at(const A& a, const Rope& op, const std::vector<double>& frequencies, double position,
             size_t element) {
  Turn turn;
  std::vector<double> angles(frequencies);
  for (double& angle : angles) angle *= position;
  a.round(Rope::kAngle, angles, element);
  for (const double angle : angles) {
    turn.cos.push_back(std::cos(angle));
    turn.sin.push_back(std::sin(angle));
  }
  for (auto* table : {&turn.cos, &turn.sin}) {
    a.function(*table, element);
    for (double& v : *table) v *= op.rope.attention_factor;
    a.round(Rope::kTable, *table, element);
    element += angles.size();
  }
  return turn;
}

// Where pair i of a rotated part stands: what is read, and where it is written.
struct Pair {
  size_t first;
  size_t second;
};

Pair read_pair(RopePairs pairs, size_t i, size_t half) {
  return pairs == RopePairs::kHalves ? Pair{i, i + half} : Pair{2 * i, 2 * i + 1};
}

Pair written_pair(RopePairs pairs, size_t i, size_t half) {
  return pairs == RopePairs::kInterleaved ? Pair{2 * i, 2 * i + 1} : Pair{i, i + half};
}

// (x_i, x_j) -> (x_i cos - x_j sin, x_j cos + x_i sin) for the pairs of one head
template <class A>
void rotate(const A& a, const Rope& op, const Turn& turn, std::span<const double> head,
            std::span<double> out, size_t element) {
  std::copy(head.begin(), head.end(), out.begin());
  const auto offset = static_cast<size_t>(op.rope.rotary_offset);
  const auto x = head.subspan(offset, static_cast<size_t>(op.rope.rotary_dim));
  const auto y = out.subspan(offset, x.size());
  const size_t half = turn.cos.size();
  for (size_t i = 0; i < half; ++i) {
    const Pair from = read_pair(op.rope.pairs, i, half);
    const Pair to = written_pair(op.rope.pairs, i, half);
    const auto product = [&](double v, double factor, size_t which) {
      return a.round(Rope::kProduct, v * factor, 4 * (element + i) + which);
    };
    const double first = product(x[from.first], turn.cos[i], 0);
    const double minus = product(x[from.second], turn.sin[i], 1);
    const double second = product(x[from.second], turn.cos[i], 2);
    const double plus = product(x[from.first], turn.sin[i], 3);
    y[to.first] = a.round(Rope::kOutput, first - minus, element + to.first);
    y[to.second] = a.round(Rope::kOutput, second + plus, element + to.second);
  }
}

}  // namespace

template <class A>
void compute(const A& a, const Rope& op, const Context& context, Inputs in, Outputs out) {
  const auto dim = static_cast<size_t>(op.head_dim);
  size_t index = 0;
  for_sequences(context, [&](const Sequence& sequence, size_t start) {
    const std::vector<double> frequencies =
        held_frequencies(a, op.rope, sequence.length(), context.deviation.frequencies, index++);
    context.threads.for_ranges(sequence.rows(), kRowGrain, [&](size_t begin, size_t end) {
      for (size_t t = start + begin; t < start + end; ++t) {
        const auto x = row(*in[0], t);
        const auto y = row(out[0], t);
        const double position = position_of(
            context.deviation, sequence.first_position + static_cast<int64_t>(t - start));
        const Turn turn = turn_at(a, op, frequencies, position, t * x.size());
        for (size_t h = 0; h < static_cast<size_t>(op.heads); ++h) {
          rotate(a, op, turn, x.subspan(h * dim, dim), y.subspan(h * dim, dim),
                 t * x.size() + h * dim);
        }
      }
    });
  });
}

PLUMB_INSTANTIATE_KERNEL(Rope)

}  // namespace plumb::reference
