// What the choice of experts and the sum of their answers are made of.
#include "compare/library/edits.h"

namespace plumb::library {
namespace {

using graph::Experts;
using graph::Route;
using model::Activation;
using model::RouterSpec;
using trace::TapId;

RouterSpec& router(Mutation& m, size_t op) {
  return changed<Route>(m, op).router;
}

bool scale_twice(Mutation& m, size_t op, double) {
  const Route* route = right<Route>(m, op);
  if (!route || route->router.scaling == 1.0) return false;
  router(m, op).scaling = route->router.scaling * route->router.scaling;
  return true;
}

// A factor on all the weights.
bool multiply_weights(Mutation& m, size_t op, double by) {
  const Route* route = right<Route>(m, op);
  if (!route) return false;
  router(m, op).scaling = route->router.scaling * by;
  return true;
}

bool value_groups_by(Mutation& m, size_t op, double experts) {
  const Route* route = right<Route>(m, op);
  const int count = static_cast<int>(experts);
  if (!route || route->router.num_groups == 1 || route->router.group_experts == count) return false;
  if (route->router.num_experts / route->router.num_groups < count) return false;
  router(m, op).group_experts = count;
  return true;
}

// The correction is on what the choice should not be made on: scores for logits, or the reverse.
bool correct_otherwise(Mutation& m, size_t op, double) {
  const Route* route = right<Route>(m, op);
  if (!route || m.original(op).weights.empty()) return false;
  if (route->router.scores == RouterSpec::Scores::kSoftmaxOfChosen) return false;
  router(m, op).choice_on_logits = !route->router.choice_on_logits;
  return true;
}

bool divide_by_sum(Mutation& m, size_t op, double) {
  const Route* route = right<Route>(m, op);
  if (!route || !route->router.normalize || route->router.normalize_norm == 1.0) return false;
  router(m, op).normalize_norm = 1.0;
  return true;
}

bool close_to_zero(Mutation& m, size_t op, double) {
  const Route* route = right<Route>(m, op);
  if (!route || route->router.num_groups == 1 || m.original(op).weights.empty()) return false;
  m.deviation(op).closed_to_zero = true;
  return true;
}

bool open_other_count(Mutation& m, size_t op, double by) {
  const Route* route = right<Route>(m, op);
  if (!route || route->router.num_groups == 1) return false;
  const RouterSpec& spec = route->router;
  const int open = spec.top_groups + static_cast<int>(by);
  const int each = spec.num_experts / spec.num_groups;
  if (open < 1 || open > spec.num_groups || open * each < spec.top_k) return false;
  router(m, op).top_groups = open;
  return true;
}

// softmax over all, then the chosen -> over the chosen alone, and the reverse
template <RouterSpec::Scores kScores>
bool score_by(Mutation& m, size_t op, double) {
  const Route* route = right<Route>(m, op);
  if (!route || route->router.scores == kScores || route->router.top_k == 1) return false;
  router(m, op).scores = kScores;
  return true;
}

bool leave_out_router_bias(Mutation& m, size_t op, double) {
  if (!right<graph::Linear>(m, op) || !makes(m, op, TapId::kRouterLogits)) return false;
  if (m.original(op).weights.size() < 2) return false;
  m.op(op).weights.resize(1);
  return true;
}

// The router reads the stream, not what its norm makes of it.
bool read_stream(Mutation& m, size_t op, double) {
  if (!right<graph::Linear>(m, op) || !makes(m, op, TapId::kRouterLogits)) return false;
  const int norm = m.graph().value(m.original(op).inputs.front()).producer;
  if (norm < 0) return false;
  const graph::Op& before = m.original(static_cast<size_t>(norm));
  if (!std::holds_alternative<graph::RmsNorm>(before.kind)) return false;
  m.op(op).inputs.front() = before.inputs.front();
  return true;
}

bool add_bias_plainly(Mutation& m, size_t op, double) {
  if (!right<Experts>(m, op) || m.original(op).weights.size() < 6) return false;
  m.deviation(op).bias_unweighted = true;
  return true;
}

// One of the experts' biases counts as nothing.
bool leave_out_bias(Mutation& m, size_t op, double which) {
  if (!right<Experts>(m, op) || m.original(op).weights.size() < 6) return false;
  m.edit(m.original(op).weights[static_cast<size_t>(which)],
         [](const model::WeightView&, size_t, size_t, std::span<double> out) {
           std::fill(out.begin(), out.end(), 0.0);
         });
  return true;
}

bool weigh_input(Mutation& m, size_t op, double) {
  const Experts* experts = right<Experts>(m, op);
  if (!experts) return false;
  m.deviation(op).weighted_input = true;
  return true;
}

bool weigh_all_alike(Mutation& m, size_t op, double) {
  const Route* route = right<Route>(m, op);
  if (!route || route->router.top_k == 1) return false;
  m.deviation(op).equal_weights = true;
  return true;
}

bool leave_out_limit(Mutation& m, size_t op, double) {
  constexpr double kNever = 1e300;
  const Experts* experts = right<Experts>(m, op);
  return experts && experts->glu_limit > 0.0 && set(m, op, &Experts::glu_limit, kNever);
}

bool multiply_limit(Mutation& m, size_t op, double by) {
  const Experts* experts = right<Experts>(m, op);
  return experts && experts->glu_limit > 0.0 &&
         set(m, op, &Experts::glu_limit, experts->glu_limit * by);
}

bool multiply_alpha(Mutation& m, size_t op, double by) {
  const Experts* experts = right<Experts>(m, op);
  return experts && experts->glu_alpha > 0.0 &&
         set(m, op, &Experts::glu_alpha, experts->glu_alpha * by);
}

bool leave_out_alpha(Mutation& m, size_t op, double) {
  const Experts* experts = right<Experts>(m, op);
  return experts && experts->glu_alpha > 0.0 && set(m, op, &Experts::glu_alpha, 1.0);
}

bool leave_out_glu_offset(Mutation& m, size_t op, double) {
  const Experts* experts = right<Experts>(m, op);
  if (!experts || experts->activation != Activation::kClampedGlu) return false;
  m.deviation(op).glu_offset = false;
  return true;
}

// The whole sum goes through the shared expert's gate; or the routed part too is left ungated.
bool gate_the_sum(Mutation& m, size_t op, double) {
  const auto* add = right<graph::Add>(m, op);
  if (!add || !makes(m, op, TapId::kFfnOut)) return false;
  const int shared = m.graph().value(m.original(op).inputs[1]).producer;
  if (shared < 0 || !right<graph::Gate>(m, static_cast<size_t>(shared))) return false;
  const graph::Op& gate = m.original(static_cast<size_t>(shared));
  // gate(routed + plain shared): the two ops change places.
  graph::Op& sum = m.op(static_cast<size_t>(shared));
  sum.kind = *add;
  sum.inputs = {m.original(op).inputs[0], gate.inputs[0]};
  graph::Op& last = m.op(op);
  last.kind = gate.kind;
  last.inputs = {gate.outputs[0], gate.inputs[1]};
  return true;
}

constexpr double kFactors[] = {1.02};
constexpr double kSteps[] = {-1.0, 1.0};
constexpr double kBest[] = {1.0};
constexpr double kTwoBest[] = {2.0};
constexpr double kBiases[] = {3, 4, 5};
constexpr std::string_view kBiasNames[] = {"", "", "", "gates", "ups", "outputs"};

constexpr FaultClass kVariant = FaultClass::kVariant;
constexpr FaultScope kLayer = FaultScope::kLayer;

constexpr FaultRow kRows[] = {
    {.cause = "router_scaling_twice",
     .says = "scales the experts' weights twice",
     .severity = kVariant,
     .scope = kLayer,
     .apply = scale_twice},
    {.cause = "router_scaling",
     .says = "weighs experts {:.4g} times as much as it should",
     .severity = kVariant,
     .scope = kLayer,
     .apply = multiply_weights,
     .values = kFactors,
     .fitted = true},
    {.cause = "router_groups_by_best",
     .says = "values groups of experts by their best alone",
     .severity = kVariant,
     .scope = kLayer,
     .apply = value_groups_by,
     .values = kBest},
    {.cause = "router_groups_by_two",
     .says = "values groups of experts by their two best",
     .severity = kVariant,
     .scope = kLayer,
     .apply = value_groups_by,
     .values = kTwoBest},
    {.cause = "router_correction_elsewhere",
     .says = "adds the correction to logits for scores, or to scores for logits",
     .severity = kVariant,
     .scope = kLayer,
     .apply = correct_otherwise},
    {.cause = "router_norm_plain",
     .says = "divides the experts' weights by their sum instead of another norm",
     .severity = kVariant,
     .scope = kLayer,
     .apply = divide_by_sum},
    {.cause = "router_groups_zeroed",
     .says = "sets scores of closed groups to 0, which may still be the best",
     .severity = kVariant,
     .scope = kLayer,
     .apply = close_to_zero},
    {.cause = "router_group_count",
     .says = "opens {:+g} groups of experts too many",
     .severity = kVariant,
     .scope = kLayer,
     .apply = open_other_count,
     .values = kSteps},
    {.cause = "router_softmax",
     .says = "takes the softmax over all experts before the choice",
     .severity = kVariant,
     .scope = kLayer,
     .apply = score_by<RouterSpec::Scores::kSoftmax>},
    {.cause = "router_softmax_of_chosen",
     .says = "takes the softmax over the chosen experts' logits",
     .severity = kVariant,
     .scope = kLayer,
     .apply = score_by<RouterSpec::Scores::kSoftmaxOfChosen>},
    {.cause = "router_sigmoid",
     .says = "scores experts by a sigmoid",
     .severity = kVariant,
     .scope = kLayer,
     .apply = score_by<RouterSpec::Scores::kSigmoid>},
    {.cause = "router_weights_equal",
     .says = "gives all chosen experts the same weight",
     .severity = kVariant,
     .scope = kLayer,
     .apply = weigh_all_alike},
    {.cause = "router_bias_missing",
     .says = "leaves the router's bias out",
     .severity = kVariant,
     .scope = kLayer,
     .apply = leave_out_router_bias},
    {.cause = "router_reads_stream",
     .says = "feeds the router with the stream before its norm",
     .severity = kVariant,
     .scope = kLayer,
     .apply = read_stream},
    {.cause = "expert_bias_unweighted",
     .says = "adds the experts' output biases without their weights",
     .severity = kVariant,
     .scope = kLayer,
     .apply = add_bias_plainly},
    {.cause = "expert_bias_missing_in",
     .says = "leaves the biases of the experts' {} out",
     .severity = kVariant,
     .scope = kLayer,
     .apply = leave_out_bias,
     .values = kBiases,
     .names = kBiasNames},
    {.cause = "expert_input_weighted",
     .says = "puts the experts' weights on what they read, not on what they give",
     .severity = kVariant,
     .scope = kLayer,
     .apply = weigh_input},
    {.cause = "glu_limit_missing",
     .says = "does not clamp the experts' gate and up",
     .severity = kVariant,
     .scope = kLayer,
     .apply = leave_out_limit},
    {.cause = "glu_limit",
     .says = "clamps the experts' gate and up at {:.4g} times the limit",
     .severity = kVariant,
     .scope = kLayer,
     .apply = multiply_limit,
     .values = kFactors,
     .fitted = true},
    {.cause = "glu_alpha_missing",
     .says = "leaves the factor in the experts' sigmoid out",
     .severity = kVariant,
     .scope = kLayer,
     .apply = leave_out_alpha},
    {.cause = "glu_alpha",
     .says = "has {:.4g} times the factor in the experts' sigmoid",
     .severity = kVariant,
     .scope = kLayer,
     .apply = multiply_alpha,
     .values = kFactors,
     .fitted = true},
    {.cause = "glu_offset_missing",
     .says = "multiplies by up instead of up + 1",
     .severity = kVariant,
     .scope = kLayer,
     .apply = leave_out_glu_offset},
    {.cause = "shared_gate_on_sum",
     .says = "gates the sum of all experts instead of the shared one",
     .severity = kVariant,
     .scope = kLayer,
     .apply = gate_the_sum},
};

}  // namespace

std::span<const FaultRow> routing_faults() {
  return kRows;
}

}  // namespace plumb::library
