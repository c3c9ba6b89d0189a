// Numbers that stand anywhere in a forward: factors, eps, what is added to a weight, lengths.
#include <cmath>

#include "compare/library/edits.h"

namespace plumb::library {
namespace {

using graph::Attention;
using graph::Experts;
using graph::GatedDeltaRule;
using graph::LayerNorm;
using graph::RmsNorm;
using trace::TapId;

std::string_view role_of(const Mutation& m, size_t op) {
  const auto& weights = m.original(op).weights;
  return weights.empty() ? std::string_view() : std::string_view(weights.front().role);
}

bool is_query_key_norm(const Mutation& m, size_t op) {
  const std::string_view role = role_of(m, op);
  if (role == "q_norm.weight" || role == "k_norm.weight") return true;
  return (right<RmsNorm>(m, op) || right<LayerNorm>(m, op)) &&
         (makes(m, op, TapId::kQNorm) || makes(m, op, TapId::kKNorm));
}

bool set_eps(Mutation& m, size_t op, double eps) {
  return set(m, op, &RmsNorm::eps, eps) || set(m, op, &LayerNorm::eps, eps);
}

bool set_query_key_eps(Mutation& m, size_t op, double eps) {
  return is_query_key_norm(m, op) && set_eps(m, op, eps);
}

double own_eps(const graph::Op& op) {
  if (const auto* norm = std::get_if<RmsNorm>(&op.kind)) return norm->eps;
  if (const auto* norm = std::get_if<LayerNorm>(&op.kind)) return norm->eps;
  return 0.0;
}

bool leave_out_query_key_norms(Mutation& m, size_t op, double) {
  if (!is_query_key_norm(m, op)) return false;
  m.bypass(op);
  return true;
}

bool leave_out_query_key_weights(Mutation& m, size_t op, double) {
  if (!is_query_key_norm(m, op) || m.original(op).weights.empty()) return false;
  m.op(op).weights.clear();
  return true;
}

// The inverse root of the sum instead of the mean, or the mean's eps outside the root.
bool normalize_by_sum(Mutation& m, size_t op, double) {
  const RmsNorm* norm = right<RmsNorm>(m, op);
  if (!norm) return false;
  const auto width =
      static_cast<double>(m.graph().value(m.original(op).outputs[0]).width()) / norm->groups;
  if (width == 1.0) return false;
  // x / sqrt(sum + eps) = x / sqrt(mean + eps / width) / sqrt(width), on the normalised row.
  changed<RmsNorm>(m, op).eps = norm->eps / width;
  m.deviation(op).factor = 1.0 / std::sqrt(width);
  return true;
}

bool multiply_output(Mutation& m, size_t op, double by) {
  if (!right<Experts>(m, op) && !right<graph::Embedding>(m, op)) return false;
  m.deviation(op).factor = by;
  return true;
}

// Keys and values, as a cache read with the wrong scale gives them.
bool multiply_cache(Mutation& m, size_t op, double by) {
  const Attention* attention = right<Attention>(m, op);
  if (!attention) return false;
  changed<Attention>(m, op).scale = attention->scale * by;
  m.deviation(op).factor = by;
  return true;
}

bool multiply_window(Mutation& m, size_t op, double by) {
  const Attention* attention = right<Attention>(m, op);
  if (!attention || attention->window < 2) return false;
  return set(m, op, &Attention::window, static_cast<int>(attention->window * by));
}

// A query sees the keys of its own chunk, of the window's size, instead of the last so many.
bool attend_by_chunks(Mutation& m, size_t op, double) {
  const Attention* attention = right<Attention>(m, op);
  if (!attention || attention->window == 0) return false;
  m.deviation(op).chunked = true;
  return true;
}

// Queries and keys divided by their RMS, not their length.
bool divide_by_rms(Mutation& m, size_t op, double) {
  const GatedDeltaRule* rule = right<GatedDeltaRule>(m, op);
  if (!rule) return false;
  changed<GatedDeltaRule>(m, op).unit_eps = rule->unit_eps * rule->key_dim;
  m.deviation(op).length_factor = std::sqrt(rule->key_dim);
  return true;
}

bool multiply_beta(Mutation& m, size_t op, double by) {
  if (!makes(m, op, TapId::kGdnBeta)) return false;
  m.deviation(op).factor = by;
  return true;
}

bool multiply_decay(Mutation& m, size_t op, double by) {
  if (!right<graph::DeltaDecay>(m, op)) return false;
  m.deviation(op).factor = by;
  return true;
}

bool multiply_query_multiplier(Mutation& m, size_t op, double by) {
  const auto* scale = right<graph::PositionScale>(m, op);
  return scale && set(m, op, &graph::PositionScale::beta, scale->beta * by);
}

constexpr double kEpsilons[] = {1e-5, 1e-6, 0.0, 1e-12, 1e-8, 1e-3};
constexpr double kFactors[] = {1.02};
constexpr double kHalfAndTwice[] = {0.5, 2.0};

constexpr FaultClass kVariant = FaultClass::kVariant;
constexpr FaultScope kLayer = FaultScope::kLayer;
constexpr FaultScope kEach = FaultScope::kEach;

constexpr FaultRow kRows[] = {
    {.cause = "norms_eps",
     .says = "has eps {:.4g}",
     .severity = kVariant,
     .scope = FaultScope::kModel,
     .apply = set_eps,
     .values = kEpsilons,
     .fitted = true,
     .own = own_eps,
     .all = "every norm"},
    {.cause = "qk_norm_eps",
     .says = "has eps {:.4g} in the norms of queries and keys",
     .severity = kVariant,
     .scope = kLayer,
     .apply = set_query_key_eps,
     .values = kEpsilons,
     .fitted = true,
     .own = own_eps},
    {.cause = "qk_norm_missing",
     .says = "leaves the norms of queries and keys out",
     .severity = kVariant,
     .scope = kLayer,
     .apply = leave_out_query_key_norms},
    {.cause = "qk_norm_weight_missing",
     .says = "leaves the weights of the norms of queries and keys out",
     .severity = kVariant,
     .scope = kLayer,
     .apply = leave_out_query_key_weights},
    {.cause = "norm_by_sum",
     .says = "divides by the root of the sum of squares, not of their mean",
     .severity = kVariant,
     .scope = kEach,
     .apply = normalize_by_sum},
    {.cause = "outputs_scale",
     .says = "gives {:.4g} times what it should",
     .severity = kVariant,
     .scope = kEach,
     .apply = multiply_output,
     .values = kFactors,
     .fitted = true},
    {.cause = "cache_scale",
     .says = "reads keys and values {:.4g} times as large as they are",
     .severity = kVariant,
     .scope = kLayer,
     .apply = multiply_cache,
     .values = kFactors,
     .fitted = true},
    {.cause = "window_size",
     .says = "slides a window {:.4g} times as wide as it should be",
     .severity = kVariant,
     .scope = kLayer,
     .apply = multiply_window,
     .values = kHalfAndTwice,
     .needs_length = true},
    {.cause = "window_chunked",
     .says = "attends within chunks instead of a sliding window",
     .severity = kVariant,
     .scope = kLayer,
     .apply = attend_by_chunks,
     .needs_length = true},
    {.cause = "delta_length_rms",
     .says = "divides queries and keys by their RMS, not their length",
     .severity = kVariant,
     .scope = kLayer,
     .apply = divide_by_rms},
    {.cause = "beta_scale",
     .says = "has {:.4g} times the beta that it should",
     .severity = kVariant,
     .scope = kLayer,
     .apply = multiply_beta,
     .values = kFactors,
     .fitted = true},
    {.cause = "decay_scale",
     .says = "lets the state decay {:.4g} times as fast as it should",
     .severity = kVariant,
     .scope = kLayer,
     .apply = multiply_decay,
     .values = kFactors,
     .fitted = true},
    {.cause = "query_temperature",
     .says = "has {:.4g} times the temperature of queries",
     .severity = kVariant,
     .scope = kLayer,
     .apply = multiply_query_multiplier,
     .values = kFactors,
     .fitted = true,
     .needs_length = true},
};

}  // namespace

std::span<const FaultRow> factor_faults() {
  return kRows;
}

}  // namespace plumb::library
