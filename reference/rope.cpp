#include <cmath>

#include "graph/rope_frequencies.h"
#include "reference/kernels.h"

namespace plumb::reference {
namespace {

// cos and sin of one position's angles.
struct Turn {
  std::vector<double> cos;
  std::vector<double> sin;
};

// The frequencies as an engine holds them. theta^y with y rounded has a relative error of
// y ln(theta) roundings; the power, the reciprocal and the scaling add theirs. The same at every
// position, so it grows with the position like nothing else in a forward.
template <class A>
std::vector<double> held_frequencies(const A& a, const model::RopeSpec& rope, double length,
                                     size_t sequence) {
  constexpr double kOtherRoundings = 4.0;
  std::vector<double> frequencies = graph::inverse_frequencies(rope, length);
  const double log_theta = std::log(rope.theta);
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const double exponent = 2.0 * static_cast<double>(i) / rope.rotary_dim * log_theta;
    const double roundings = i == 0 ? 0.0 : std::sqrt(exponent * exponent + kOtherRoundings);
    frequencies[i] =
        a.relative(frequencies[i], roundings, ~(sequence * frequencies.size() + i));
  }
  a.round(graph::Rope::kAngle, frequencies, 0);
  return frequencies;
}

template <class A>
Turn turn_at(const A& a, const std::vector<double>& frequencies, double position, size_t element) {
  using Step = graph::Rope::Step;
  Turn turn;
  std::vector<double> angles(frequencies);
  for (double& angle : angles) angle *= position;
  a.round(Step::kAngle, angles, element);
  for (const double angle : angles) {
    turn.cos.push_back(std::cos(angle));
    turn.sin.push_back(std::sin(angle));
  }
  a.function(turn.cos, element);
  a.function(turn.sin, element + angles.size());
  a.round(Step::kTable, turn.cos, element);
  a.round(Step::kTable, turn.sin, element + angles.size());
  return turn;
}

// (x_i, x_j) -> (x_i cos - x_j sin, x_j cos + x_i sin), j = i + half
template <class A>
void rotate(const A& a, const Turn& turn, std::span<const double> x, std::span<double> y,
            size_t element) {
  using Step = graph::Rope::Step;
  const size_t half = turn.cos.size();
  for (size_t i = 0; i < half; ++i) {
    const size_t j = i + half;
    const double x_cos = a.round(Step::kProduct, x[i] * turn.cos[i], 2 * (element + i));
    const double y_sin = a.round(Step::kProduct, x[j] * turn.sin[i], 2 * (element + i) + 1);
    const double y_cos = a.round(Step::kProduct, x[j] * turn.cos[i], 2 * (element + j));
    const double x_sin = a.round(Step::kProduct, x[i] * turn.sin[i], 2 * (element + j) + 1);
    y[i] = a.round(Step::kOutput, x_cos - y_sin, element + i);
    y[j] = a.round(Step::kOutput, y_cos + x_sin, element + j);
  }
  for (size_t i = 2 * half; i < x.size(); ++i) y[i] = x[i];
}

}  // namespace

template <class A>
void compute(const A& a, const graph::Rope& op, const Context& context, Inputs in, Outputs out) {
  const auto dim = static_cast<size_t>(op.head_dim);
  size_t index = 0;
  for_sequences(context, [&](const Sequence& sequence, size_t first) {
    const std::vector<double> frequencies =
        held_frequencies(a, op.rope, sequence.length(), index++);
    context.threads.for_ranges(sequence.rows(), kRowGrain, [&](size_t begin, size_t end) {
      for (size_t t = first + begin; t < first + end; ++t) {
        const auto x = row(*in[0], t);
        const auto y = row(out[0], t);
        const auto position = static_cast<double>(sequence.first_position) +
                              static_cast<double>(t - first);
        const Turn turn = turn_at(a, frequencies, position, t * x.size());
        for (size_t h = 0; h < static_cast<size_t>(op.heads); ++h) {
          rotate(a, turn, x.subspan(h * dim, dim), y.subspan(h * dim, dim),
                 t * x.size() + h * dim);
        }
      }
    });
  });
}

PLUMB_INSTANTIATE_KERNEL(Rope)

}  // namespace plumb::reference
