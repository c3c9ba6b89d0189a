#include "compare/diagnose/permuted_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "compare/measure/gates.h"
#include "graph/segment.h"

namespace plumb::diagnose {
namespace {

using evidence::Recorded;
using graph::op_label;
using measure::within;
using trace::Tap;

// A channel is another one where they differ by so many floors, and from every third one by many
// times as much.
constexpr double kSameChannel = 4.5;
constexpr double kTimesFarther = 10.0;

// Wider ones (a head's) have too many pairs of channels.
constexpr size_t kWidest = 8192;

// Where a channel of `first` comes from.
struct Source {
  size_t tap = 0;
  size_t channel = 0;
  bool operator==(const Source&) const = default;
};

// The recorded products of the same input, `first` itself at the front.
std::vector<Tap> products_beside(const Trials& trials, const Tap& first) {
  const graph::Graph& graph = trials.graph();
  const auto op = static_cast<size_t>(graph.value(*graph.find(first)).producer);
  const Recorded& recorded = *trials.scenes().front().subject.recorded;
  std::vector<Tap> taps = {first};
  for (const graph::Op& other : graph.ops) {
    const bool beside =
        std::holds_alternative<graph::Linear>(other.kind) && other.inputs == graph.ops[op].inputs;
    if (!beside) continue;
    for (const Tap& tap : graph.value(other.outputs.front()).taps) {
      if (tap == first || !recorded.has(tap)) continue;
      taps.push_back(tap);
      break;
    }
  }
  return taps;
}

double distance(const Trials& trials, const Tap& first, size_t channel, const Tap& tap,
                size_t other) {
  double sum = 0.0;
  double count = 0.0;
  for (const Scene& scene : trials.scenes()) {
    const Matrix& value = scene.subject.recorded->at(first);
    const Matrix& truth = scene.truth(tap);
    const Floor& floor = scene.floor(tap);
    for (size_t t = 0; t < value.shape(0); ++t) {
      const double z = (value(t, channel) - truth(t, other)) / floor.rows[t];
      sum += z * z;
      count += 1.0;
    }
  }
  return std::sqrt(sum / count);
}

// Itself, or the one channel that this one is; none where several are near or none is.
std::optional<Source> find_source(const Trials& trials, const Tap& first,
                                  const std::vector<Tap>& taps, size_t channel) {
  if (within(distance(trials, first, channel, first, channel), kSameChannel))
    return Source{0, channel};
  double least = std::numeric_limits<double>::infinity();
  double second = least;
  Source best;
  for (size_t k = 0; k < taps.size(); ++k) {
    const size_t width = trials.scenes().front().truth(taps[k]).shape(1);
    for (size_t j = 0; j < width; ++j) {
      const double far = distance(trials, first, channel, taps[k], j);
      if (far < least) {
        second = least;
        least = far;
        best = {k, j};
      } else {
        second = std::min(second, far);
      }
    }
  }
  if (!within(least, kSameChannel) || !within(kTimesFarther * std::max(least, 1.0), second)) {
    return std::nullopt;
  }
  return best;
}

// "row 1 is row 8, row 2 is row 1 of k, ..."
std::string tell(const std::vector<Source>& sources, const std::vector<Tap>& taps) {
  constexpr size_t kTold = 4;
  std::string text;
  size_t moved = 0;
  for (size_t j = 0; j < sources.size(); ++j) {
    if (sources[j] == Source{0, j}) continue;
    if (++moved > kTold) continue;
    const std::string from =
        sources[j].tap == 0 ? "" : fmt::format(" of {}", taps[sources[j].tap].name());
    text +=
        fmt::format("{}row {} is row {}{}", text.empty() ? "" : ", ", j, sources[j].channel, from);
  }
  return fmt::format("{} of {} rows stand elsewhere: {}{}", moved, sources.size(), text,
                     moved > kTold ? ", ..." : "");
}

}  // namespace

std::optional<Explanation> find_permuted_rows(const Trials& trials, const Tap& first) {
  const graph::Graph& graph = trials.graph();
  const auto index = static_cast<size_t>(graph.value(*graph.find(first)).producer);
  const graph::Op& op = graph.ops[index];
  if (!std::holds_alternative<graph::Linear>(op.kind)) return std::nullopt;
  const evidence::Recorded& recorded = *trials.scenes().front().subject.recorded;
  if (first == evidence::kLogits && !recorded.readout().has_channels()) return std::nullopt;
  const std::vector<Tap> taps = products_beside(trials, first);
  std::vector<Source> sources;
  const auto width = static_cast<size_t>(graph.value(*graph.find(first)).width());
  if (width > kWidest) return std::nullopt;
  for (size_t j = 0; j < width; ++j) {
    const auto source = find_source(trials, first, taps, j);
    if (!source) return std::nullopt;
    sources.push_back(*source);
  }
  const bool moved = std::ranges::any_of(sources, [&, j = size_t{0}](const Source& source) mutable {
    return source != Source{0, j++};
  });
  if (!moved) return std::nullopt;
  Diagnosis cause{.cause = "rows_permuted", .explained = 1.0};
  if (op.layer >= 0) cause.layer = op.layer;
  cause.says =
      fmt::format("{}{} has its weight's rows in another order: {}", op_label(graph, op),
                  op.layer >= 0 ? fmt::format(" of layer {}", op.layer) : "", tell(sources, taps));
  return Explanation{.causes = {cause}, .ops = {index}};
}

}  // namespace plumb::diagnose
