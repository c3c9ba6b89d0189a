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
    {"attention_operands_f16", "rounds attention's operands to float16", kRounding, kLayer,
     round_operands<DType::kF16>},
    {"attention_operands_bf16", "rounds attention's operands to bfloat16", kRounding, kLayer,
     round_operands<DType::kBF16>},
    {"kv_f16", "keeps keys and values in float16", kRounding, kLayer,
     round_keys_and_values<DType::kF16>},
    {"kv_bf16", "keeps keys and values in bfloat16", kRounding, kLayer,
     round_keys_and_values<DType::kBF16>},
    {"scores_bf16", "rounds the scores to bfloat16", kRounding, kLayer, round_scores<DType::kBF16>},
    {"softmax_bf16", "rounds the softmax to bfloat16", kRounding, kLayer,
     round_probabilities<DType::kBF16>},
    {"context_sum_f16", "accumulates values in float16", kRounding, kLayer,
     round_context<DType::kF16>},
    {"matmul_inputs_bf16", "rounds the inputs of products to bfloat16", kRounding, kLayer,
     round_inputs<DType::kBF16>},
    {"matmul_inputs_f16", "rounds the inputs of products to float16", kRounding, kLayer,
     round_inputs<DType::kF16>},
    {"matmul_sums_bf16", "accumulates products in bfloat16", kRounding, kLayer,
     round_sums<DType::kBF16>},
    {"matmul_sums_f16", "accumulates products in float16", kRounding, kLayer,
     round_sums<DType::kF16>},
    {"matmul_outputs_bf16", "rounds the results of products to bfloat16", kRounding, kEach,
     round_outputs<DType::kBF16>},
    {"norm_bf16", "is computed in bfloat16", kRounding, kEach, round_norm<DType::kBF16>},
    {"rope_table_bf16", "keeps cos and sin in bfloat16", kRounding, kLayer,
     round_table<DType::kBF16>},
    {"rope_table_f16", "keeps cos and sin in float16", kRounding, kLayer, round_table<DType::kF16>},
    {"activation_f16", "takes the activation from a float16 table", kRounding, kLayer,
     round_activation<DType::kF16>},
    {"scale_rounded", "is scaled by a factor rounded to bfloat16", kRounding, kEach,
     round_factor<DType::kBF16>},
    {"state_bf16", "keeps the recurrent state in bfloat16", kRounding, kLayer,
     round_state<DType::kBF16>},
};

}  // namespace

std::span<const FaultRow> rounding_faults() {
  return kRows;
}

}  // namespace plumb::library
