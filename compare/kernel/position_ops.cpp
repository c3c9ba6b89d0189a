// Ops of the table that depend on where a position stands, or on those before it.
#include "compare/kernel/blocks.h"
#include "graph/op_table.h"

namespace plumb::kernel {

using graph::ValueId;
using trace::TapId;
using Kind = Port::Kind;

ValueId build_attention(Sketch& s, ValueId q, ValueId k, ValueId v) {
  std::vector<model::WeightId> sinks;
  if (s.has("sinks")) sinks.push_back(s.weight("sinks", "sinks"));
  const graph::Attention& op = s.kind<graph::Attention>();
  const ValueId out = s.add(op, {q, k, v}, {op.heads, op.value_dim}, std::move(sinks));
  s.keep({{"k_cache", TapId::kStateK}, {"v_cache", TapId::kStateV}});
  return out;
}

namespace {

constexpr Port kPositions{
    Kind::kPositions, "positions", "T", true,
    "whole numbers, rising by one in each sequence; else from first_position on"};

constexpr Port kRopePorts[] = {{Kind::kInput, "x", "T,heads,head_dim"},
                               kPositions,
                               {Kind::kOutput, "out", "T,heads,head_dim"}};
void build_rope(Sketch& s) {
  const ValueId x = s.input("x", TapId::kQ);
  s.output("out", s.add(s.kind<graph::Rope>(), {x}, s.shape(x)), TapId::kQRope);
}

constexpr Port kPositionScalePorts[] = {{Kind::kInput, "x", "T,heads,head_dim|T,W"},
                                        kPositions,
                                        {Kind::kOutput, "out", "T,heads,head_dim|T,W"}};
void build_position_scale(Sketch& s) {
  const ValueId x = s.input("x", TapId::kQ);
  s.output("out", s.add(s.kind<graph::PositionScale>(), {x}, s.shape(x)), TapId::kQRope);
}

constexpr Port kAttentionPorts[] = {
    {Kind::kInput, "q", "T,heads,head_dim"},
    {Kind::kInput, "k", "S,kv_heads,head_dim", false, "S is T, or the positions before it besides"},
    {Kind::kInput, "v", "S,kv_heads,value_dim"},
    {Kind::kWeight, "sinks", "heads", true, "a logit a head"},
    {Kind::kState, "k_cache", "past,kv_heads,head_dim", true, "keys before these, oldest first"},
    {Kind::kState, "v_cache", "past,kv_heads,value_dim", true},
    {Kind::kOutput, "out", "T,heads,value_dim"},
    {Kind::kKept, "k_cache", "kept,kv_heads,head_dim", true, "keys with those of this call"},
    {Kind::kKept, "v_cache", "kept,kv_heads,value_dim", true}};
void build_plain_attention(Sketch& s) {
  const ValueId q = s.input("q", TapId::kQRope);
  const ValueId k = s.input_with_past("k", TapId::kKRope, 0);
  const ValueId v = s.input_with_past("v", TapId::kV, 1);
  s.output("out", build_attention(s, q, k, v), TapId::kAttn);
}

constexpr Port kConvPorts[] = {
    {Kind::kInput, "x", "T,C"},
    {Kind::kWeight, "w", "filters,kernel", false, "of each channel, or of equal runs of channels"},
    {Kind::kState, "state", "C,kernel", true, "the last inputs, oldest first"},
    {Kind::kOutput, "out", "T,C"},
    {Kind::kKept, "state", "C,kernel", true}};
void build_conv(Sketch& s) {
  const ValueId x = s.input("x", TapId::kMixerIn);
  const graph::CausalConv& op = s.kind<graph::CausalConv>();
  if (s.size("C") % op.filters != 0) {
    throw base::InputError("causal_conv", "w", "has " + std::to_string(op.filters) + " filters",
                           "they must divide the " + std::to_string(s.size("C")) + " channels");
  }
  const ValueId y = s.add(op, {x}, s.shape(x), {s.weight("w", "gdn.conv.weight")});
  s.keep({{"state", TapId::kStateConv}});
  s.output("out", y, TapId::kGdnConv);
}

constexpr Port kDeltaPorts[] = {
    {Kind::kInput, "qkv", "T,channels", true, "q, k and v side by side; or each by itself"},
    {Kind::kInput, "q", "T,key_heads,key_dim", true},
    {Kind::kInput, "k", "T,key_heads,key_dim", true},
    {Kind::kInput, "v", "T,value_heads,value_dim", true},
    {Kind::kInput, "beta", "T,value_heads"},
    {Kind::kInput, "g", "T,value_heads", false, "the log-decay"},
    {Kind::kState, "state", "value_heads,key_dim,value_dim", true},
    {Kind::kOutput, "out", "T,value_heads,value_dim"},
    {Kind::kKept, "state", "value_heads,key_dim,value_dim", true}};
void build_delta(Sketch& s) {
  const bool joined = s.has("qkv");
  for (const char* part : {"q", "k", "v"}) {
    if (s.has(part) != joined) continue;
    throw base::InputError("gated_delta_rule", part,
                           joined ? "is given beside qkv" : "is not given",
                           "give qkv, or q, k and v");
  }
  const graph::GatedDeltaRule& op = s.kind<graph::GatedDeltaRule>();
  const ValueId qkv =
      joined ? s.input("qkv", TapId::kGdnConv) : s.joined({"q", "k", "v"}, TapId::kGdnConv);
  if (s.shape(qkv).back() != 2 * op.key_heads * op.key_dim + op.value_heads * op.value_dim) {
    throw base::InputError("gated_delta_rule", "qkv",
                           "has rows of " + std::to_string(s.shape(qkv).back()),
                           "2 key_heads key_dim + value_heads value_dim is due: --set key_heads=, "
                           "key_dim=");
  }
  const ValueId beta = s.input("beta", TapId::kGdnBeta);
  const ValueId g = s.input("g", TapId::kGdnDecay);
  const ValueId y = s.add(op, {qkv, beta, g}, {op.value_heads, op.value_dim});
  s.keep({{"state", TapId::kStateRecurrent}});
  s.output("out", y, TapId::kGdnCore);
}

Kinds rope() {
  return {graph::Rope{}};
}
Kinds position_scale() {
  return {graph::PositionScale{}};
}
Kinds attention() {
  return {graph::Attention{.scale = 0.0}};
}
Kinds conv() {
  return {graph::CausalConv{}};
}
Kinds delta() {
  return {graph::GatedDeltaRule{.query_scale = 0.0}};
}

KernelOp row(std::string_view name, std::span<const Port> ports, Kinds (*kinds)(),
             void (*build)(Sketch&)) {
  const graph::OpRow& op = graph::op_row(name);
  return {op.name, op.formula, op.source, ports, kinds, build};
}

}  // namespace

std::span<const KernelOp> position_ops() {
  static const KernelOp kRows[] = {
      row("rope", kRopePorts, rope, build_rope),
      row("position_scale", kPositionScalePorts, position_scale, build_position_scale),
      row("attention", kAttentionPorts, attention, build_plain_attention),
      row("causal_conv", kConvPorts, conv, build_conv),
      row("gated_delta_rule", kDeltaPorts, delta, build_delta),
  };
  return kRows;
}

}  // namespace plumb::kernel
