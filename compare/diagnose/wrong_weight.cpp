#include "compare/diagnose/wrong_weight.h"

#include <fmt/format.h>

#include <algorithm>

#include "compare/measure/gates.h"
#include "graph/segment.h"

namespace plumb::diagnose {
namespace {

using evidence::Recorded;
using measure::within;
using trace::Tap;

// Of the error's squares, what the one input must explain.
constexpr double kExplained = 0.99;

// Sums over all positions of the prompts, x the input that is tried and d the error.
struct Sums {
  double xd = 0.0;
  double xx = 0.0;
  double dd = 0.0;

  double explained() const { return xx > 0.0 && dd > 0.0 ? xd * xd / (xx * dd) : 0.0; }
};

std::optional<Tap> recorded_tap(const graph::Graph& graph, graph::ValueId id,
                                const Recorded& recorded) {
  for (const Tap& tap : graph.value(id).taps) {
    if (recorded.has(tap)) return tap;
  }
  return std::nullopt;
}

Sums add_up(const Trials& trials, const Tap& first, size_t channel, const Tap& input, size_t k) {
  Sums sums;
  for (const Scene& scene : trials.scenes()) {
    const Matrix& value = scene.subject.recorded->at(first);
    const Matrix& truth = scene.truth(first);
    const Matrix& x = scene.subject.recorded->at(input);
    for (size_t t = 0; t < value.shape(0); ++t) {
      const double d = value(t, channel) - truth(t, channel);
      sums.xd += x(t, k) * d;
      sums.xx += x(t, k) * x(t, k);
      sums.dd += d * d;
    }
  }
  return sums;
}

}  // namespace

std::optional<Explanation> find_wrong_weight(const Trials& trials, const Tap& first, int channel) {
  const graph::Graph& graph = trials.graph();
  const auto index = static_cast<size_t>(graph.value(*graph.find(first)).producer);
  const graph::Op& op = graph.ops[index];
  if (!std::holds_alternative<graph::Linear>(op.kind)) return std::nullopt;
  const Recorded& recorded = *trials.scenes().front().subject.recorded;
  const auto input = recorded_tap(graph, op.inputs.front(), recorded);
  if (!input) return std::nullopt;
  Sums best;
  size_t which = 0;
  for (size_t k = 0; k < recorded.at(*input).shape(1); ++k) {
    const Sums sums = add_up(trials, first, static_cast<size_t>(channel), *input, k);
    if (sums.explained() <= best.explained()) continue;
    best = sums;
    which = k;
  }
  if (!within(kExplained, best.explained())) return std::nullopt;
  Diagnosis cause{.cause = "weight_element", .explained = best.explained()};
  if (op.layer >= 0) cause.layer = op.layer;
  cause.says = fmt::format("{}{} has one wrong weight: [{}, {}] is {:.3g} off", op_label(graph, op),
                           op.layer >= 0 ? fmt::format(" of layer {}", op.layer) : "", channel,
                           which, best.xd / best.xx);
  return Explanation{.causes = {cause}, .ops = {index}};
}

}  // namespace plumb::diagnose
