#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "compare/library/edits.h"

namespace plumb::library {
namespace {

using graph::Attention;

constexpr int64_t kAllKeys = std::numeric_limits<int32_t>::max();

bool leave_out_scale(Mutation& m, size_t op, double) {
  return set(m, op, &Attention::scale, 1.0);
}

bool scale_twice(Mutation& m, size_t op, double) {
  const Attention* attention = right<Attention>(m, op);
  return attention && set(m, op, &Attention::scale, attention->scale * attention->scale);
}

bool multiply_scale(Mutation& m, size_t op, double by) {
  const Attention* attention = right<Attention>(m, op);
  return attention && set(m, op, &Attention::scale, attention->scale * by);
}

bool leave_out_cap(Mutation& m, size_t op, double) {
  return set(m, op, &Attention::soft_cap, 0.0);
}

bool multiply_cap(Mutation& m, size_t op, double by) {
  const Attention* attention = right<Attention>(m, op);
  return attention && set(m, op, &Attention::soft_cap, attention->soft_cap * by);
}

bool look_ahead(Mutation& m, size_t op, int64_t keys) {
  if (!right<Attention>(m, op)) return false;
  m.deviation(op).lookahead = keys;
  return true;
}

bool leave_out_mask(Mutation& m, size_t op, double) {
  set(m, op, &Attention::window, 0);
  return look_ahead(m, op, kAllKeys);
}
bool see_next(Mutation& m, size_t op, double) {
  return look_ahead(m, op, 1);
}
bool miss_itself(Mutation& m, size_t op, double) {
  return look_ahead(m, op, -1);
}

bool ignore_window(Mutation& m, size_t op, double) {
  return set(m, op, &Attention::window, 0);
}

bool move_window(Mutation& m, size_t op, double by) {
  const Attention* attention = right<Attention>(m, op);
  if (!attention || attention->window == 0) return false;
  const int window = attention->window + static_cast<int>(by);
  return window > 0 && set(m, op, &Attention::window, window);
}

// The window of the layers that have one.
bool slide_everywhere(Mutation& m, size_t op, double) {
  const Attention* attention = right<Attention>(m, op);
  if (!attention || attention->window != 0) return false;
  for (const graph::Op& other : m.graph().ops) {
    const auto* theirs = std::get_if<Attention>(&other.kind);
    if (theirs && theirs->window > 0) return set(m, op, &Attention::window, theirs->window);
  }
  return false;
}

bool tile_heads(Mutation& m, size_t op, double) {
  const Attention* attention = right<Attention>(m, op);
  if (!attention || attention->kv_heads == 1 || attention->kv_heads == attention->heads) {
    return false;
  }
  m.deviation(op).tiled_heads = true;
  return true;
}

bool drop_sinks(Mutation& m, size_t op, double) {
  if (!right<Attention>(m, op) || m.original(op).weights.empty()) return false;
  m.op(op).weights.clear();
  return true;
}

const model::AlibiSpec* linear_biases(const Mutation& m, size_t op) {
  const Attention* attention = right<Attention>(m, op);
  return attention && !attention->alibi.slopes.empty() ? &attention->alibi : nullptr;
}

bool leave_out_biases(Mutation& m, size_t op, double) {
  if (!linear_biases(m, op)) return false;
  changed<Attention>(m, op).alibi = {};
  return true;
}

bool scale_biases(Mutation& m, size_t op, double) {
  const model::AlibiSpec* alibi = linear_biases(m, op);
  if (!alibi) return false;
  changed<Attention>(m, op).alibi.before_scale = !alibi->before_scale;
  return true;
}

bool multiply_slopes(Mutation& m, size_t op, double by) {
  if (!linear_biases(m, op)) return false;
  for (double& slope : changed<Attention>(m, op).alibi.slopes) slope *= by;
  return true;
}

bool set_slopes(Mutation& m, size_t op, const std::vector<double>& slopes) {
  const model::AlibiSpec* alibi = linear_biases(m, op);
  if (!alibi || alibi->slopes == slopes) return false;
  changed<Attention>(m, op).alibi.slopes = slopes;
  return true;
}

// 2^(-8 (h + 1) / heads) where the number of heads is no power of two.
bool take_geometric_slopes(Mutation& m, size_t op, double) {
  const model::AlibiSpec* alibi = linear_biases(m, op);
  if (!alibi || std::has_single_bit(alibi->slopes.size())) return false;
  std::vector<double> slopes;
  for (size_t h = 1; h <= alibi->slopes.size(); ++h) {
    slopes.push_back(
        std::exp2(-8.0 * static_cast<double>(h) / static_cast<double>(alibi->slopes.size())));
  }
  return set_slopes(m, op, slopes);
}

bool reverse_slopes(Mutation& m, size_t op, double) {
  const model::AlibiSpec* alibi = linear_biases(m, op);
  return alibi && set_slopes(m, op, {alibi->slopes.rbegin(), alibi->slopes.rend()});
}

constexpr double kFactors[] = {1.02};
constexpr double kSlopeFactors[] = {-1.0, 0.5, 2.0};
constexpr double kSteps[] = {-1.0, 1.0};

constexpr FaultRow kRows[] = {
    {.cause = "score_scale_missing",
     .says = "leaves the scale of the scores out",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = leave_out_scale},
    {.cause = "score_scale_twice",
     .says = "scales the scores twice",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = scale_twice},
    {.cause = "score_scale",
     .says = "scales the scores by {:.4g} times what it should",
     .severity = FaultClass::kSubtle,
     .scope = FaultScope::kLayer,
     .apply = multiply_scale,
     .values = kFactors,
     .fitted = true},
    {.cause = "score_cap_missing",
     .says = "leaves the soft cap of the scores out",
     .severity = FaultClass::kSubtle,
     .scope = FaultScope::kLayer,
     .apply = leave_out_cap},
    {.cause = "score_cap",
     .says = "caps the scores at {:.4g} times what it should",
     .severity = FaultClass::kSubtle,
     .scope = FaultScope::kLayer,
     .apply = multiply_cap,
     .values = kFactors,
     .fitted = true},
    {.cause = "mask_missing",
     .says = "attends to later positions",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = leave_out_mask},
    {.cause = "mask_next",
     .says = "attends to the next position",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = see_next},
    {.cause = "mask_itself",
     .says = "does not let a position attend to itself",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = miss_itself},
    {.cause = "window_ignored",
     .says = "ignores the sliding window",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = ignore_window,
     .needs_length = true},
    {.cause = "window_off_by_one",
     .says = "has a sliding window {:+g} off",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = move_window,
     .values = kSteps,
     .needs_length = true},
    {.cause = "window_everywhere",
     .says = "slides a window where it should see all",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = slide_everywhere,
     .needs_length = true},
    {.cause = "heads_tiled",
     .says = "takes key heads in turns instead of in groups",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = tile_heads},
    {.cause = "sinks_missing",
     .says = "drops the attention sinks",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = drop_sinks},
    {.cause = "alibi_missing",
     .says = "adds no linear biases to the scores",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = leave_out_biases},
    {.cause = "alibi_scale",
     .says = "has the scale of the scores on its linear biases, or not, the wrong way round",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = scale_biases},
    {.cause = "alibi_slopes",
     .says = "has {:g} times the slopes of its linear biases",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = multiply_slopes,
     .values = kSlopeFactors},
    {.cause = "alibi_slopes_geometric",
     .says = "takes slopes in one geometric row for a number of heads that is no power of two",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = take_geometric_slopes},
    {.cause = "alibi_heads_reversed",
     .says = "gives the slopes of its linear biases to the heads in reverse",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = reverse_slopes},
};

}  // namespace

std::span<const FaultRow> attention_faults() {
  return kRows;
}

}  // namespace plumb::library
