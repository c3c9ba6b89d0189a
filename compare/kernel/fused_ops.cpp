// What people write as one kernel although it is several ops.
#include "compare/kernel/blocks.h"

namespace plumb::kernel {
namespace {

using graph::ValueId;
using trace::TapId;
using Kind = Port::Kind;
using Weights = std::vector<model::WeightId>;

constexpr Port kPositions{
    Kind::kPositions, "positions", "T", true,
    "whole numbers, rising by one in each sequence; else from first_position on"};
constexpr model::NormSpec kNorm;

ValueId build_norm(Sketch& s, ValueId x, const char* port) {
  Weights weights;
  if (s.has(port)) weights.push_back(s.weight(port, "norm.weight"));
  return s.add(s.kind<graph::RmsNorm>(), {x}, s.shape(x), weights);
}

// --- norm + product

constexpr Port kNormLinearPorts[] = {{Kind::kInput, "x", "T,N"},
                                     {Kind::kWeight, "norm_w", "N", true},
                                     {Kind::kWeight, "w", "out,N"},
                                     {Kind::kWeight, "b", "out", true},
                                     {Kind::kOutput, "out", "T,out"}};
Kinds norm_linear() {
  return {graph::RmsNorm{.eps = kNorm.eps}, graph::Linear{}};
}
void build_norm_linear(Sketch& s) {
  const ValueId normed = build_norm(s, s.input("x", TapId::kMid), "norm_w");
  s.tap(normed, TapId::kFfnIn);
  Weights weights = {s.weight("w", "linear.weight")};
  if (s.has("b")) weights.push_back(s.weight("b", "linear.bias"));
  s.output("out", s.add(s.kind<graph::Linear>(), {normed}, {s.size("out")}, weights),
           TapId::kFfnOut);
}

// --- residual + norm

constexpr Port kAddNormPorts[] = {{Kind::kInput, "stream", "T,N"},
                                  {Kind::kInput, "branch", "T,N"},
                                  {Kind::kWeight, "w", "N", true},
                                  {Kind::kOutput, "sum", "T,N", true, "the stream with the branch"},
                                  {Kind::kOutput, "out", "T,N"}};
Kinds add_norm() {
  return {graph::Add{}, graph::RmsNorm{.eps = kNorm.eps}};
}
void build_add_norm(Sketch& s) {
  const ValueId stream = s.input("stream", TapId::kMixerIn);
  const ValueId branch = s.input("branch", TapId::kMixerOut);
  const ValueId sum = s.add(s.kind<graph::Add>(), {stream, branch}, s.shape(stream));
  s.output("sum", sum, TapId::kMid);
  s.output("out", build_norm(s, sum, "w"), TapId::kFfnIn);
}

// --- QK norm + rope

constexpr Port kNormRopePorts[] = {{Kind::kInput, "x", "T,heads,head_dim"},
                                   {Kind::kWeight, "w", "head_dim", true},
                                   kPositions,
                                   {Kind::kOutput, "out", "T,heads,head_dim"}};
Kinds norm_rope() {
  return {graph::RmsNorm{.eps = kNorm.eps}, graph::Rope{}};
}
void build_norm_rope(Sketch& s) {
  const ValueId x = s.input("x", TapId::kQ);
  Weights weights;
  if (s.has("w")) weights.push_back(s.weight("w", "q_norm.weight"));
  graph::RmsNorm norm = s.kind<graph::RmsNorm>();
  norm.groups = s.size("heads");
  const ValueId normed = s.add(norm, {x}, s.shape(x), weights);
  s.tap(normed, TapId::kQNorm);
  s.output("out", s.add(s.kind<graph::Rope>(), {normed}, s.shape(x)), TapId::kQRope);
}

// --- rope + cache

constexpr Port kRopeCachePorts[] = {
    {Kind::kInput, "x", "T,heads,head_dim", false, "keys"},
    kPositions,
    {Kind::kState, "cache", "past,heads,head_dim", true, "rotated keys before these"},
    {Kind::kOutput, "out", "T,heads,head_dim", true, "the rotated keys"},
    {Kind::kKept, "cache", "kept,heads,head_dim", true, "the cache with the rotated keys"}};
Kinds rope_alone() {
  return {graph::Rope{}};
}
void build_rope_cache(Sketch& s) {
  const ValueId x = s.input("x", TapId::kK);
  const ValueId turned = s.add(s.kind<graph::Rope>(), {x}, s.shape(x));
  s.keep_output("cache", TapId::kStateK);
  s.output("out", turned, TapId::kKRope);
}

// --- rope + attention + cache

constexpr Port kRopeAttentionPorts[] = {
    {Kind::kInput, "q", "T,heads,head_dim", false, "before their rotation, as k"},
    {Kind::kInput, "k", "T,kv_heads,head_dim"},
    {Kind::kInput, "v", "T,kv_heads,value_dim"},
    kPositions,
    {Kind::kWeight, "sinks", "heads", true, "a logit a head"},
    {Kind::kState, "k_cache", "past,kv_heads,head_dim", true, "rotated keys before these"},
    {Kind::kState, "v_cache", "past,kv_heads,value_dim", true},
    {Kind::kOutput, "out", "T,heads,value_dim"},
    {Kind::kKept, "k_cache", "kept,kv_heads,head_dim", true},
    {Kind::kKept, "v_cache", "kept,kv_heads,value_dim", true}};
Kinds rope_attention() {
  return {graph::Rope{}, graph::Attention{.scale = 0.0}};
}
void build_rope_attention(Sketch& s) {
  graph::Rope rope = s.kind<graph::Rope>();
  const auto turn = [&](ValueId x, const char* heads, TapId tap) {
    rope.heads = s.size(heads);
    const ValueId turned = s.add(rope, {x}, s.shape(x));
    s.tap(turned, tap);
    return turned;
  };
  const ValueId q = s.input("q", TapId::kQ);
  const ValueId k = s.input("k", TapId::kK);
  const ValueId v = s.input("v", TapId::kV);
  const ValueId q_rope = turn(q, "heads", TapId::kQRope);
  const ValueId k_rope = turn(k, "kv_heads", TapId::kKRope);
  s.output("out", build_attention(s, q_rope, k_rope, v), TapId::kAttn);
}

// --- gate + up + activation, with the last product or without

constexpr Port kGateUpPorts[] = {
    {Kind::kInput, "x", "T,H"},
    {Kind::kWeight, "gate", "F,H", true},
    {Kind::kWeight, "up", "F,H", true},
    {Kind::kWeight, "gate_up", "F2,H", true, "gate's rows, then up's, instead of the two"},
    {Kind::kOutput, "out", "T,F"}};
constexpr Port kMlpPorts[] = {kGateUpPorts[0],
                              kGateUpPorts[1],
                              kGateUpPorts[2],
                              kGateUpPorts[3],
                              {Kind::kWeight, "down", "H,F"},
                              {Kind::kOutput, "out", "T,H"}};
Kinds gate_up() {
  return {graph::Linear{}, graph::GatedActivation{}};
}
ValueId build_gate_up(Sketch& s) {
  const bool fused = s.has("gate_up");
  if (s.has("gate") == fused || s.has("up") == fused) {
    throw base::InputError("op", "gate_up", fused ? "is given beside gate or up" : "is not given",
                           "give gate and up, or gate_up");
  }
  const int inner = s.size("F");
  if (fused && s.size("F2") != 2 * inner) {
    throw base::InputError("op", "gate_up", "has " + std::to_string(s.size("F2")) + " rows",
                           std::to_string(2 * inner) + " are due");
  }
  const ValueId x = s.input("x", TapId::kFfnIn);
  const auto product = [&](const char* port, const std::string& role, int64_t first, TapId tap) {
    const model::WeightId w =
        fused ? s.weight_rows("gate_up", role, first, inner) : s.weight(port, role);
    const ValueId y = s.add(s.kind<graph::Linear>(), {x}, {inner}, {w});
    s.tap(y, tap);
    return y;
  };
  const ValueId gate = product("gate", "gate_proj.weight", 0, TapId::kFfnGate);
  const ValueId up = product("up", "up_proj.weight", inner, TapId::kFfnUp);
  return s.add(s.kind<graph::GatedActivation>(), {gate, up}, {inner});
}
void build_gate_up_activation(Sketch& s) {
  s.output("out", build_gate_up(s), TapId::kFfnAct);
}
void build_mlp(Sketch& s) {
  const ValueId active = build_gate_up(s);
  s.tap(active, TapId::kFfnAct);
  s.output("out",
           s.add(s.kind<graph::Linear>(), {active}, {s.size("H")},
                 {s.weight("down", "down_proj.weight")}),
           TapId::kFfnOut);
}

}  // namespace

std::span<const KernelOp> fused_ops() {
  static const KernelOp kRows[] = {
      {"rms_norm_linear", "y = rms_norm(x) W^T + b", "transformers: LlamaDecoderLayer.forward",
       kNormLinearPorts, norm_linear, build_norm_linear},
      {"add_rms_norm", "sum = stream + multiplier branch, y = rms_norm(sum)",
       "transformers: LlamaDecoderLayer.forward", kAddNormPorts, add_norm, build_add_norm},
      {"rms_norm_rope", "y = rope(rms_norm(x)), each head by itself",
       "transformers: Qwen3Attention.forward", kNormRopePorts, norm_rope, build_norm_rope},
      {"rope_cache", "y = rope(x); cache = [cache | y]", "transformers: DynamicCache.update",
       kRopeCachePorts, rope_alone, build_rope_cache},
      {"rope_attention", "y = attention(rope(q), [k_cache | rope(k)], [v_cache | v])",
       "transformers: LlamaAttention.forward", kRopeAttentionPorts, rope_attention,
       build_rope_attention},
      {"gate_up_activation", "y = act(x gate^T) * (x up^T)", "transformers: LlamaMLP", kGateUpPorts,
       gate_up, build_gate_up_activation},
      {"mlp", "y = (act(x gate^T) * (x up^T)) down^T", "transformers: LlamaMLP", kMlpPorts, gate_up,
       build_mlp},
  };
  return kRows;
}

}  // namespace plumb::kernel
