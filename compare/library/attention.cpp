#include <algorithm>
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

constexpr double kFactors[] = {1.02};
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
};

}  // namespace

std::span<const FaultRow> attention_faults() {
  return kRows;
}

}  // namespace plumb::library
