// Routers and experts, apart and together.
#include "compare/kernel/blocks.h"
#include "graph/op_table.h"

namespace plumb::kernel {

using graph::ValueId;
using trace::TapId;
using Kind = Port::Kind;
using Weights = std::vector<model::WeightId>;

ValueId build_experts(Sketch& s, ValueId x, ValueId ids, ValueId weights) {
  const graph::Experts& op = s.kind<graph::Experts>();
  Weights all = {s.weight("gate", "experts.gate_proj.weight"),
                 s.weight("up", "experts.up_proj.weight"),
                 s.weight("down", "experts.down_proj.weight")};
  for (const auto& [port, role] : {std::pair("gate_bias", "experts.gate_proj.bias"),
                                   {"up_bias", "experts.up_proj.bias"},
                                   {"down_bias", "experts.down_proj.bias"}}) {
    if (s.has(port)) all.push_back(s.weight(port, role));
    if (s.has(port) != op.bias) {
      throw base::InputError("experts", port, "is not given", "give all three biases, or none");
    }
  }
  return s.add(op, {x, ids, weights}, s.shape(x), all);
}

namespace {

constexpr Port kGate{Kind::kWeight, "gate", "experts,intermediate_size,H"};
constexpr Port kUp{Kind::kWeight, "up", "experts,intermediate_size,H"};
constexpr Port kDown{Kind::kWeight, "down", "experts,H,intermediate_size"};
constexpr Port kGateBias{Kind::kWeight, "gate_bias", "experts,intermediate_size", true};
constexpr Port kUpBias{Kind::kWeight, "up_bias", "experts,intermediate_size", true};
constexpr Port kDownBias{Kind::kWeight, "down_bias", "experts,H", true};
constexpr Port kCorrection{Kind::kWeight, "correction", "experts", true,
                           "added to the scores for the choice alone"};
constexpr Port kIdsOut{Kind::kOutput, "ids", "T,top_k", true, "the chosen, in any order"};
constexpr Port kWeightsOut{Kind::kOutput, "weights", "T,top_k", true, "in the order of ids"};

constexpr Port kRoutePorts[] = {
    {Kind::kInput, "logits", "T,experts"}, kCorrection, kIdsOut, kWeightsOut};

void route(Sketch& s, ValueId logits) {
  const graph::Route& op = s.kind<graph::Route>();
  Weights correction;
  if (s.has("correction")) correction.push_back(s.weight("correction", "router_correction"));
  if (s.gives("weights") && !s.gives("ids")) {
    throw base::InputError("op", "weights", "are given without ids",
                           "give --out ids= too: weights stand in their order");
  }
  const ValueId ids = s.add(op, {logits}, {op.router.top_k}, correction);
  const ValueId weights = s.another_output({op.router.top_k});
  s.output("ids", ids, TapId::kRouterIds);
  s.output("weights", weights, TapId::kRouterWeights);
}

void build_route(Sketch& s) {
  route(s, s.input("logits", TapId::kRouterLogits));
}

constexpr Port kExpertsPorts[] = {{Kind::kInput, "x", "T,H"},
                                  {Kind::kInput, "ids", "T,top_k"},
                                  {Kind::kInput, "weights", "T,top_k"},
                                  kGate,
                                  kUp,
                                  kDown,
                                  kGateBias,
                                  kUpBias,
                                  kDownBias,
                                  {Kind::kOutput, "out", "T,H"}};
void build_given_experts(Sketch& s) {
  const ValueId x = s.input("x", TapId::kFfnIn);
  const ValueId ids = s.input("ids", TapId::kQ);
  const ValueId weights = s.input("weights", TapId::kK);
  s.output("out", build_experts(s, x, ids, weights), TapId::kFfnOut);
}

constexpr Port kMixturePorts[] = {{Kind::kInput, "x", "T,H"},
                                  {Kind::kWeight, "router", "experts,H"},
                                  {Kind::kWeight, "router_bias", "experts", true},
                                  kCorrection,
                                  kGate,
                                  kUp,
                                  kDown,
                                  kGateBias,
                                  kUpBias,
                                  kDownBias,
                                  {Kind::kOutput, "out", "T,H"},
                                  {Kind::kOutput, "logits", "T,experts", true},
                                  kIdsOut,
                                  kWeightsOut};
void build_mixture(Sketch& s) {
  const ValueId x = s.input("x", TapId::kFfnIn);
  Weights router = {s.weight("router", "router.weight")};
  if (s.has("router_bias")) router.push_back(s.weight("router_bias", "router.bias"));
  const ValueId logits = s.add(s.kind<graph::Linear>(), {x}, {s.size("experts")}, router);
  s.output("logits", logits, TapId::kRouterLogits);
  route(s, logits);
  const ValueId weights = logits + 2;
  s.output("out", build_experts(s, x, weights - 1, weights), TapId::kFfnOut);
}

Kinds route_alone() {
  return {graph::Route{}};
}
Kinds experts() {
  return {graph::Experts{}};
}
Kinds mixture() {
  return {graph::Linear{}, graph::Route{}, graph::Experts{}};
}

}  // namespace

std::span<const KernelOp> expert_ops() {
  static const graph::OpRow& kRoute = graph::op_row("route");
  static const graph::OpRow& kExperts = graph::op_row("experts");
  static const KernelOp kRows[] = {
      {kRoute.name, kRoute.formula, kRoute.source, kRoutePorts, route_alone, build_route},
      {kExperts.name, kExperts.formula, kExperts.source, kExpertsPorts, experts,
       build_given_experts},
      {"router_experts", "y = experts(x, route(x router^T))", kExperts.source, kMixturePorts,
       mixture, build_mixture},
  };
  return kRows;
}

}  // namespace plumb::kernel
