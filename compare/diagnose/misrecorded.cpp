#include "compare/diagnose/misrecorded.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "compare/measure/gates.h"
#include "compare/measure/recognise.h"
#include "graph/segment.h"
#include "reference/arithmetic.h"

namespace plumb::diagnose {
namespace {

using graph::Graph;
using graph::ValueId;
using measure::log_sum_exp;
using measure::logit_limits;
using measure::over_floor;
using measure::recognise;
using measure::within;
using trace::Tap;

// Columns are held against each other's at so many positions.
constexpr size_t kWidest = 8192;

double rms(const Matrix& value) {
  double squares = 0.0;
  for (const double v : value) squares += v * v;
  return std::sqrt(squares / static_cast<double>(value.size()));
}

double rms_difference(const Matrix& a, const Matrix& b) {
  double squares = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    squares += (a.data()[i] - b.data()[i]) * (a.data()[i] - b.data()[i]);
  }
  return std::sqrt(squares / static_cast<double>(a.size()));
}

// The values of a graph that are as wide as one of them, whether they have a tap or not: taps of
// their own stand for them.
class OtherPlaces {
 public:
  OtherPlaces(const Graph& graph, const Tap& tap) : graph_(graph), marked_(graph) {
    const int width = graph.value(*graph.find(tap)).width();
    for (ValueId id = 0; id < static_cast<ValueId>(graph.values.size()); ++id) {
      graph::Value& value = marked_.value(id);
      value.taps.clear();
      if (value.width() == width && is_near(tap, id)) value.taps = {mark(id)};
    }
  }

  // Finds the place that `value` was recorded at; `limit`: how far off it may be.
  std::optional<std::string> find(const reference::Reference& right, const PromptSubject& subject,
                                  const Evidence& evidence, const Tap& tap, double limit) const {
    const reference::Reference reference(marked_, right.weights(), right.threads(), right.outset());
    std::vector<Tap> taps;
    for (const graph::Value& value : marked_.values) {
      taps.insert(taps.end(), value.taps.begin(), value.taps.end());
    }
    const Values all = replay(reference, subject.prompt->tokens, taps, evidence.given());
    const Matrix& value = subject.recorded->at(tap);
    std::optional<ValueId> nearest;
    double least = limit;
    for (const auto& [marked, other] : all) {
      const double distance = rms_difference(value, other);
      if (!(distance < least) || *graph_.find(tap) == id_of(marked)) continue;
      least = distance;
      nearest = id_of(marked);
    }
    return nearest ? std::optional(name_of(*nearest)) : std::nullopt;
  }

 private:
  // Places in other layers than those beside it are not mistaken for it.
  bool is_near(const Tap& tap, ValueId id) const {
    const int producer = graph_.value(id).producer;
    if (producer < 0) return true;
    const int layer = graph_.ops[static_cast<size_t>(producer)].layer;
    return tap.layer < 0 || layer < 0 || std::abs(layer - tap.layer) <= 1;
  }

  static Tap mark(ValueId id) { return {trace::TapId::kOut, id}; }
  static ValueId id_of(const Tap& mark) { return mark.layer; }

  std::string name_of(ValueId id) const {
    const graph::Value& value = graph_.value(id);
    if (!value.taps.empty()) return value.taps.front().name();
    const graph::Op& op = graph_.ops[static_cast<size_t>(value.producer)];
    const std::string label = "what " + op_label(graph_, op);
    return op.layer < 0 ? label + " gives" : fmt::format("{} of layer {} gives", label, op.layer);
  }

  const Graph& graph_;
  Graph marked_;
};

// For each column of `value` the column of `truth` that it is, where each is one; empty where not.
std::vector<size_t> match_columns(const Matrix& value, const Matrix& truth, double limit) {
  const size_t rows = truth.shape(0);
  const size_t columns = truth.shape(1);
  if (columns > kWidest) return {};
  std::vector<size_t> match;
  std::vector<bool> taken(columns, false);
  const double most = limit * limit * static_cast<double>(rows);
  const auto distance = [&](size_t a, size_t b) {
    double squares = 0.0;
    for (size_t t = 0; t < rows && squares <= most; ++t) {
      squares += (value(t, a) - truth(t, b)) * (value(t, a) - truth(t, b));
    }
    return squares;
  };
  for (size_t j = 0; j < columns; ++j) {
    size_t best = columns;
    double least = most;
    for (size_t k = 0; k < columns; ++k) {
      const double d = taken[k] ? most : distance(j, k);
      if (!(d < least)) continue;
      least = d;
      best = k;
    }
    if (best == columns) return {};
    taken[best] = true;
    match.push_back(best);
  }
  return match;
}

// Whole heads moved, each in its own order?
bool moves_heads(const std::vector<size_t>& match, size_t width) {
  for (size_t j = 0; j < match.size(); ++j) {
    if (match[j] % width != j % width) return false;
    if (match[j] / width != match[j - j % width] / width) return false;
  }
  return true;
}

std::optional<Misrecording> find_order(const Graph& graph, const Tap& tap, const Matrix& value,
                                       const Matrix& truth, double limit) {
  const std::vector<size_t> match = match_columns(value, truth, limit);
  if (match.empty() || std::ranges::is_sorted(match)) return std::nullopt;
  // A row of heads may be told as one axis: as long as channels stay together.
  size_t width = 1;
  while (width < match.size() && match[width] == match.front() + width) ++width;
  const auto& shape = graph.value(*graph.find(tap)).shape;
  if (shape.size() > 1) width = static_cast<size_t>(shape.back());
  if (width > 1 && width < match.size() && moves_heads(match, width)) {
    return Misrecording{"head_order",
                        fmt::format("holds its heads in another order: channels {} to {} first",
                                    match.front(), match.front() + width - 1)};
  }
  return Misrecording{
      "channel_order",
      fmt::format("holds its channels in another order: channel {} before {}", match[0], match[1])};
}

// The numbers of [positions, parts, width] as they lie in memory once the first two axes, or the
// first and all others, have changed places.
Matrix transposed(const Matrix& value, size_t parts) {
  const size_t rows = value.shape(0);
  const size_t width = value.shape(1) / parts;
  Matrix moved = reference::make_matrix(rows, value.shape(1));
  for (size_t t = 0; t < rows; ++t) {
    for (size_t j = 0; j < value.shape(1); ++j) {
      moved.data()[((j / width) * rows + t) * width + j % width] = value(t, j);
    }
  }
  return moved;
}

std::optional<Misrecording> find_transposition(const Graph& graph, const Tap& tap,
                                               const Matrix& value, const Matrix& truth,
                                               double limit) {
  const auto& shape = graph.value(*graph.find(tap)).shape;
  std::vector<size_t> parts = {truth.shape(1)};
  for (const int axis : shape) parts.push_back(static_cast<size_t>(axis));
  for (const size_t count : parts) {
    if (count == 0 || truth.shape(1) % count != 0) continue;
    if (within(rms_difference(value, transposed(truth, count)), limit)) {
      return Misrecording{"transposed", "is transposed: its positions do not come first"};
    }
  }
  return std::nullopt;
}

std::optional<Misrecording> find_narrowing(const Matrix& value, const Matrix& truth,
                                           base::DType storage, double limit) {
  for (const base::DType dtype : {base::DType::kBF16, base::DType::kF16}) {
    if (base::unit_roundoff(dtype) <= base::unit_roundoff(storage)) continue;
    const bool is_narrow =
        std::ranges::all_of(value, [&](double v) { return base::round_to(dtype, v) == v; });
    Matrix rounded = truth;
    for (double& v : rounded) v = base::round_to(dtype, v);
    // Where noise moves a number to the other side, it is off by a whole step.
    const double step = base::unit_roundoff(dtype) * rms(truth);
    if (is_narrow && within(rms_difference(value, rounded), std::max(limit, step / 2))) {
      return Misrecording{"dtype", fmt::format("was rounded to {} on its way into the recording",
                                               base::torch_name(dtype))};
    }
  }
  return std::nullopt;
}

std::optional<Misrecording> find_damage(const Matrix& value, const Matrix& truth,
                                        const Floor& floor) {
  const auto plain = recognise(value, truth, floor);
  const bool is_finite = std::ranges::all_of(value, [](double v) { return std::isfinite(v); });
  if (!plain || !is_finite) return std::nullopt;
  const bool is_zero = std::ranges::all_of(value, [](double v) { return v == 0.0; });
  return Misrecording{is_zero ? "zero" : "positions", *plain};
}

}  // namespace

std::optional<Misrecording> find_misrecording(const Truth& truth, const PromptSubject& subject,
                                              const Evidence& evidence, const Tap& tap) {
  const Matrix& value = subject.recorded->at(tap);
  const Matrix& right = evidence.values().at(tap);
  const Floor& floor = evidence.floors().at(tap);
  const Graph& graph = truth.graph();
  const base::DType storage = subject.contract->storage;
  if (!subject.recorded->finite(tap)) return std::nullopt;
  if (auto plain = find_damage(value, right, floor)) return plain;
  const double limit = std::max(kSameTensor * floor.rms, base::unit_roundoff(storage) * rms(right));
  const OtherPlaces places(graph, tap);
  if (const auto place = places.find(truth.reference(), subject, evidence, tap, limit)) {
    return Misrecording{"other_place", "holds " + *place};
  }
  if (auto found = find_transposition(graph, tap, value, right, limit)) return found;
  if (auto found = find_order(graph, tap, value, right, limit)) return found;
  return find_narrowing(value, right, storage, limit);
}

std::optional<Misrecording> find_moved_logits(const Matrix& value, const Matrix& truth,
                                              const Floor& floor, base::DType storage) {
  if (auto plain = find_damage(value, truth, floor)) return plain;
  Matrix moved = truth;
  Floor wider = floor;
  bool any = false;
  bool normal = true;
  bool centred = true;
  bool below = true;
  const double u = base::unit_roundoff(storage);
  for (size_t t = 0; t < truth.shape(0); ++t) {
    const auto mine = reference::row(value, t);
    const auto theirs = reference::row(truth, t);
    const auto mean = [](std::span<const double> row) {
      return std::accumulate(row.begin(), row.end(), 0.0) / static_cast<double>(row.size());
    };
    const double by = mean(mine) - mean(theirs);
    if (!std::isfinite(by)) return std::nullopt;
    // Subtracting a number rounds once more.
    const double rounding = reference::kRoundingRms * u * (std::abs(by) + std::abs(mean(mine)));
    wider.rows[t] = std::hypot(floor.rows[t], rounding);
    for (double& v : reference::row(moved, t)) v += by;
    any |= std::abs(by) > kSameTensor * floor.rows[t];
    const double noise = kSameTensor * (wider.rows[t] + u * std::abs(by));
    normal &= std::abs(log_sum_exp(mine)) <= noise;
    centred &= std::abs(mean(mine)) <= noise;
    below &= std::abs(*std::ranges::max_element(mine)) <= noise;
  }
  if (!any || !within(over_floor(value, moved, wider), logit_limits(storage, wider))) {
    return std::nullopt;
  }
  if (normal) {
    return Misrecording{
        "log_probabilities",
        "holds log-probabilities, the log-softmax of the logits: record the logits, "
        "or these under `logprobs`"};
  }
  if (centred) {
    return Misrecording{
        "centred_logits",
        "holds centred logits, each position's less their mean: their probabilities "
        "are right"};
  }
  if (below) {
    return Misrecording{"shifted_logits",
                        "holds logits less each position's largest: their probabilities are right"};
  }
  return Misrecording{"shifted_logits",
                      "holds logits to which each position adds a number of its own: their "
                      "probabilities are right"};
}

}  // namespace plumb::diagnose
