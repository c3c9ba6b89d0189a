#include "graph/blocks.h"

namespace plumb::graph {

using model::Activation;
using model::MlpSpec;
using model::MoeSpec;
using trace::TapId;

namespace {

ValueId inner_norm(Draft& draft, const MlpSpec& spec, ValueId x) {
  return spec.inner_norm ? draft.norm(*spec.inner_norm, x, "ffn_inner_norm") : x;
}

// down(act(gate) * up) with weights prefix + "gate_proj", ...
ValueId gated_mlp(Draft& draft, const std::string& prefix, const MlpSpec& spec, ValueId in,
                  int hidden_size, bool taps) {
  const ValueId gate = draft.linear(in, prefix + "gate_proj", spec.intermediate_size, spec.bias);
  const ValueId up = draft.linear(in, prefix + "up_proj", spec.intermediate_size, spec.bias);
  const ValueId product = draft.add(GatedActivation{spec.activation}, {gate, up});
  if (taps) {
    draft.tap(gate, TapId::kFfnGate);
    draft.tap(up, TapId::kFfnUp);
    draft.tap(product, TapId::kFfnAct);
  }
  return draft.linear(inner_norm(draft, spec, product), prefix + "down_proj", hidden_size,
                      spec.bias);
}

ValueId plain_mlp(Draft& draft, const MlpSpec& spec, ValueId in, int hidden_size) {
  const ValueId up = draft.linear(in, "up_proj", spec.intermediate_size, spec.bias);
  draft.tap(up, TapId::kFfnUp);
  std::vector<model::WeightId> scalars;
  if (spec.activation == Activation::kXielu) {
    for (const char* role : {"xielu.alpha_p", "xielu.alpha_n", "xielu.beta", "xielu.eps"}) {
      scalars.push_back(draft.weight(role, {1}));
    }
  }
  const ValueId active =
      draft.add(Activate{spec.activation}, {up}, draft.shape(up), std::move(scalars));
  draft.tap(active, TapId::kFfnAct);
  return draft.linear(inner_norm(draft, spec, active), "down_proj", hidden_size, spec.bias);
}

std::vector<model::WeightId> expert_weights(Draft& draft, const MoeSpec& spec, int hidden_size) {
  const int64_t experts = spec.router.num_experts;
  const int64_t inner = spec.intermediate_size;
  const int64_t outer = hidden_size;
  std::vector<model::WeightId> weights = {
      draft.weight("experts.gate_proj.weight", {experts, inner, outer}),
      draft.weight("experts.up_proj.weight", {experts, inner, outer}),
      draft.weight("experts.down_proj.weight", {experts, outer, inner})};
  if (spec.bias) {
    weights.push_back(draft.weight("experts.gate_proj.bias", {experts, inner}));
    weights.push_back(draft.weight("experts.up_proj.bias", {experts, inner}));
    weights.push_back(draft.weight("experts.down_proj.bias", {experts, outer}));
  }
  return weights;
}

}  // namespace

ValueId feed_forward(Draft& draft, const MlpSpec& spec, ValueId in, int hidden_size) {
  if (!spec.gated) return plain_mlp(draft, spec, in, hidden_size);
  return gated_mlp(draft, "", spec, in, hidden_size, true);
}

ValueId feed_forward(Draft& draft, const MoeSpec& spec, ValueId in, int hidden_size) {
  const model::RouterSpec& router = spec.router;
  ValueId logits = draft.linear(in, "router", router.num_experts, router.logit_bias,
                                {.in_float32 = router.in_float32});
  if (spec.router_soft_cap > 0.0)
    logits = draft.add(SoftCap{.cap = spec.router_soft_cap}, {logits});
  draft.tap(logits, TapId::kRouterLogits);
  std::vector<model::WeightId> correction;
  if (router.correction_bias) {
    correction.push_back(draft.weight("router_correction", {router.num_experts}));
  }
  const ValueId ids = draft.add(Route{router}, {logits}, {router.top_k}, std::move(correction));
  const ValueId weights = draft.another_output({router.top_k});
  draft.tap(ids, TapId::kRouterIds);
  draft.tap(weights, TapId::kRouterWeights);
  ValueId y =
      draft.add(Experts{.experts = router.num_experts,
                        .intermediate_size = spec.intermediate_size,
                        .activation = spec.activation,
                        .bias = spec.bias,
                        .glu_limit = spec.glu_limit,
                        .glu_alpha = spec.glu_alpha},
                {in, ids, weights}, {hidden_size}, expert_weights(draft, spec, hidden_size));
  if (spec.output_multiplier != 1.0) y = draft.add(Scale{.factor = spec.output_multiplier}, {y});
  if (spec.shared) {
    const MlpSpec mlp{.intermediate_size = spec.shared->intermediate_size,
                      .activation = spec.shared->activation.value_or(spec.activation),
                      .bias = spec.shared->bias};
    ValueId shared = gated_mlp(draft, "shared.", mlp, in, hidden_size, false);
    if (spec.shared->gated) {
      shared = draft.add(Gate{}, {shared, draft.linear(in, "shared.router", 1, false)});
    }
    y = draft.add(Add{}, {y, shared});
    if (spec.shared->averaged) y = draft.add(Scale{.factor = 0.5}, {y});
  }
  return y;
}

}  // namespace plumb::graph
