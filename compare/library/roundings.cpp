#include "compare/library/edits.h"

namespace plumb::library {
namespace {

using base::DType;
using graph::Attention;
using graph::GatedActivation;
using graph::GatedDeltaRule;
using graph::Linear;
using graph::RmsNorm;
using graph::Rope;
using graph::Scale;

template <class Kind>
bool round(Mutation& m, size_t op, std::initializer_list<int> steps, DType dtype) {
  if (!right<Kind>(m, op)) return false;
  for (const int step : steps) m.deviation(op).roundings.push_back({step, dtype});
  return true;
}

template <DType kType>
bool round_operands(Mutation& m, size_t op, double) {
  return round<Attention>(m, op, {Attention::kQuery, Attention::kKey, Attention::kValue}, kType);
}

template <DType kType>
bool round_keys_and_values(Mutation& m, size_t op, double) {
  return round<Attention>(m, op, {Attention::kKey, Attention::kValue}, kType);
}

template <DType kType>
bool round_probabilities(Mutation& m, size_t op, double) {
  return round<Attention>(m, op, {Attention::kProbabilities}, kType);
}

template <DType kType>
bool round_scores(Mutation& m, size_t op, double) {
  return round<Attention>(m, op, {Attention::kScores, Attention::kScaled}, kType);
}

template <DType kType>
bool round_context(Mutation& m, size_t op, double) {
  return round<Attention>(m, op, {Attention::kOutputSum}, kType);
}

template <DType kType>
bool round_inputs(Mutation& m, size_t op, double) {
  return round<Linear>(m, op, {Linear::kInput}, kType);
}

template <DType kType>
bool round_sums(Mutation& m, size_t op, double) {
  return round<Linear>(m, op, {Linear::kSum}, kType);
}

template <DType kType>
bool round_outputs(Mutation& m, size_t op, double) {
  return round<Linear>(m, op, {Linear::kOutput}, kType);
}

template <DType kType>
bool round_norm(Mutation& m, size_t op, double) {
  return round<RmsNorm>(m, op,
                        {RmsNorm::kInput, RmsNorm::kWeight, RmsNorm::kSquare, RmsNorm::kMean,
                         RmsNorm::kInverse, RmsNorm::kNormalized, RmsNorm::kOutput},
                        kType);
}

// One number a row.
template <DType kType>
bool round_inverse(Mutation& m, size_t op, double) {
  return round<RmsNorm>(m, op, {RmsNorm::kInverse}, kType);
}

template <DType kType>
bool round_normalized(Mutation& m, size_t op, double) {
  return round<RmsNorm>(m, op, {RmsNorm::kNormalized}, kType);
}

// The weight, or 1 + weight, where that changes it: a stored weight may be in 16 bits already.
template <DType kType>
bool round_weight(Mutation& m, size_t op, double) {
  const RmsNorm* norm = right<RmsNorm>(m, op);
  return norm && norm->unit_offset && round<RmsNorm>(m, op, {RmsNorm::kWeight}, kType);
}

template <DType kType>
bool round_decay(Mutation& m, size_t op, double) {
  return round<graph::DeltaDecay>(m, op, {graph::DeltaDecay::kOutput}, kType);
}

template <DType kType>
bool round_route(Mutation& m, size_t op, double) {
  return round<graph::Route>(m, op, {graph::Route::kOutput}, kType);
}

template <DType kType>
bool round_router_scores(Mutation& m, size_t op, double) {
  return round<graph::Route>(m, op, {graph::Route::kScores}, kType);
}

template <DType kType>
bool round_table(Mutation& m, size_t op, double) {
  return round<Rope>(m, op, {Rope::kTable}, kType);
}

template <DType kType>
bool round_activation(Mutation& m, size_t op, double) {
  return round<GatedActivation>(m, op, {GatedActivation::kActivated}, kType);
}

template <DType kType>
bool round_factor(Mutation& m, size_t op, double) {
  const Scale* scale = right<Scale>(m, op);
  if (!scale || base::round_to(kType, scale->factor) == scale->factor) return false;
  return round<Scale>(m, op, {Scale::kFactor}, kType);
}

template <DType kType>
bool round_state(Mutation& m, size_t op, double) {
  return round<GatedDeltaRule>(m, op, {GatedDeltaRule::kState}, kType);
}

constexpr FaultClass kRounding = FaultClass::kRounding;
constexpr FaultScope kLayer = FaultScope::kLayer;
constexpr FaultScope kEach = FaultScope::kEach;

constexpr FaultRow kRows[] = {
    {.cause = "attention_operands_f16",
     .says = "rounds attention's operands to float16",
     .severity = kRounding,
     .scope = kLayer,
     .apply = round_operands<DType::kF16>},
    {.cause = "attention_operands_bf16",
     .says = "rounds attention's operands to bfloat16",
     .severity = kRounding,
     .scope = kLayer,
     .apply = round_operands<DType::kBF16>},
    {.cause = "kv_f16",
     .says = "keeps keys and values in float16",
     .severity = kRounding,
     .scope = kLayer,
     .apply = round_keys_and_values<DType::kF16>},
    {.cause = "kv_bf16",
     .says = "keeps keys and values in bfloat16",
     .severity = kRounding,
     .scope = kLayer,
     .apply = round_keys_and_values<DType::kBF16>},
    {.cause = "scores_bf16",
     .says = "rounds the scores to bfloat16",
     .severity = kRounding,
     .scope = kLayer,
     .apply = round_scores<DType::kBF16>},
    {.cause = "softmax_bf16",
     .says = "rounds the softmax to bfloat16",
     .severity = kRounding,
     .scope = kLayer,
     .apply = round_probabilities<DType::kBF16>},
    {.cause = "context_sum_f16",
     .says = "accumulates values in float16",
     .severity = kRounding,
     .scope = kLayer,
     .apply = round_context<DType::kF16>},
    {.cause = "matmul_inputs_bf16",
     .says = "rounds the inputs of products to bfloat16",
     .severity = kRounding,
     .scope = kLayer,
     .apply = round_inputs<DType::kBF16>},
    {.cause = "matmul_inputs_f16",
     .says = "rounds the inputs of products to float16",
     .severity = kRounding,
     .scope = kLayer,
     .apply = round_inputs<DType::kF16>},
    {.cause = "matmul_sums_bf16",
     .says = "accumulates products in bfloat16",
     .severity = kRounding,
     .scope = kLayer,
     .apply = round_sums<DType::kBF16>},
    {.cause = "matmul_sums_f16",
     .says = "accumulates products in float16",
     .severity = kRounding,
     .scope = kLayer,
     .apply = round_sums<DType::kF16>},
    {.cause = "matmul_outputs_bf16",
     .says = "rounds the results of products to bfloat16",
     .severity = kRounding,
     .scope = kEach,
     .apply = round_outputs<DType::kBF16>},
    {.cause = "norm_bf16",
     .says = "is computed in bfloat16",
     .severity = kRounding,
     .scope = kEach,
     .apply = round_norm<DType::kBF16>},
    {.cause = "norm_inverse_bf16",
     .says = "rounds its inverse RMS, one number a row, to bfloat16",
     .severity = kRounding,
     .scope = kEach,
     .apply = round_inverse<DType::kBF16>,
     .excusable = true,
     .all = "every norm"},
    {.cause = "norm_inverse_f16",
     .says = "rounds its inverse RMS, one number a row, to float16",
     .severity = kRounding,
     .scope = kEach,
     .apply = round_inverse<DType::kF16>,
     .excusable = true,
     .all = "every norm"},
    {.cause = "norm_normalized_bf16",
     .says = "rounds what it multiplies by its weight to bfloat16",
     .severity = kRounding,
     .scope = kEach,
     .apply = round_normalized<DType::kBF16>,
     .excusable = true,
     .all = "every norm"},
    {.cause = "norm_weight_bf16",
     .says = "rounds 1 + weight to bfloat16",
     .severity = kRounding,
     .scope = kEach,
     .apply = round_weight<DType::kBF16>,
     .excusable = true,
     .all = "every norm"},
    {.cause = "norm_weight_f16",
     .says = "rounds 1 + weight to float16",
     .severity = kRounding,
     .scope = kEach,
     .apply = round_weight<DType::kF16>,
     .excusable = true,
     .all = "every norm"},
    {.cause = "decay_bf16",
     .says = "rounds the log-decay to bfloat16",
     .severity = kRounding,
     .scope = kLayer,
     .apply = round_decay<DType::kBF16>,
     .excusable = true},
    {.cause = "router_weights_bf16",
     .says = "rounds the experts' weights to bfloat16",
     .severity = kRounding,
     .scope = kLayer,
     .apply = round_route<DType::kBF16>,
     .excusable = true},
    {.cause = "router_scores_bf16",
     .says = "rounds the experts' scores to bfloat16",
     .severity = kRounding,
     .scope = kLayer,
     .apply = round_router_scores<DType::kBF16>,
     .excusable = true},
    {.cause = "rope_table_bf16",
     .says = "keeps cos and sin in bfloat16",
     .severity = kRounding,
     .scope = kLayer,
     .apply = round_table<DType::kBF16>},
    {.cause = "rope_table_f16",
     .says = "keeps cos and sin in float16",
     .severity = kRounding,
     .scope = kLayer,
     .apply = round_table<DType::kF16>},
    {.cause = "activation_f16",
     .says = "takes the activation from a float16 table",
     .severity = kRounding,
     .scope = kLayer,
     .apply = round_activation<DType::kF16>},
    {.cause = "scale_rounded",
     .says = "is scaled by a factor rounded to bfloat16",
     .severity = kRounding,
     .scope = kEach,
     .apply = round_factor<DType::kBF16>},
    {.cause = "state_bf16",
     .says = "keeps the recurrent state in bfloat16",
     .severity = kRounding,
     .scope = kLayer,
     .apply = round_state<DType::kBF16>},
};

}  // namespace

std::span<const FaultRow> rounding_faults() {
  return kRows;
}

}  // namespace plumb::library
