// Ops of the table that take each position by itself.
#include "base/errors.h"
#include "compare/kernel/sketch.h"
#include "graph/op_table.h"

namespace plumb::kernel {
namespace {

using graph::ValueId;
using trace::TapId;
using Kind = Port::Kind;
using Weights = std::vector<model::WeightId>;

constexpr Port kAnyX[] = {{Kind::kInput, "x", "..."}, {Kind::kOutput, "out", "..."}};

// One op on x: out is shaped like it.
template <class Op, TapId kIn, TapId kOut>
void build_unary(Sketch& s) {
  const ValueId x = s.input("x", kIn);
  s.output("out", s.add(s.kind<Op>(), {x}, s.shape(x)), kOut);
}

constexpr Port kEmbeddingPorts[] = {{Kind::kInput, "tokens", "T", false, "ids"},
                                    {Kind::kWeight, "table", "vocab,W"},
                                    {Kind::kOutput, "out", "T,W"}};
void build_embedding(Sketch& s) {
  const model::WeightId table = s.weight("table", "embed.weight");
  s.output("out", s.add(graph::Embedding{}, {}, {s.size("W")}, {table}), TapId::kMixerOut);
}

constexpr Port kLinearPorts[] = {{Kind::kInput, "x", "T,in"},
                                 {Kind::kWeight, "w", "out,in"},
                                 {Kind::kWeight, "b", "out", true},
                                 {Kind::kOutput, "out", "T,out"}};
void build_linear(Sketch& s) {
  const ValueId x = s.input("x", TapId::kMixerIn);
  Weights weights = {s.weight("w", "linear.weight")};
  if (s.has("b")) weights.push_back(s.weight("b", "linear.bias"));
  s.output("out", s.add(s.kind<graph::Linear>(), {x}, {s.size("out")}, weights), TapId::kMixerOut);
}

constexpr Port kNormPorts[] = {
    {Kind::kInput, "x", "T,groups,N", false, "each of the groups (heads) is normalised by itself"},
    {Kind::kWeight, "w", "N|groups,N", true, "of all groups, or one each"},
    {Kind::kWeight, "b", "N|groups,N", true, "layer_norm's"},
    {Kind::kOutput, "out", "T,groups,N"}};
template <class Norm>
void build_norm(Sketch& s) {
  const ValueId x = s.input("x", TapId::kMid);
  Weights weights;
  if (s.has("w")) weights.push_back(s.weight("w", "norm.weight"));
  if (s.has("b")) weights.push_back(s.weight("b", "norm.bias"));
  s.output("out", s.add(s.kind<Norm>(), {x}, s.shape(x), weights), TapId::kFfnIn);
}

constexpr Port kAddPorts[] = {{Kind::kInput, "stream", "..."},
                              {Kind::kInput, "branch", "..."},
                              {Kind::kOutput, "out", "..."}};
void build_add(Sketch& s) {
  const ValueId stream = s.input("stream", TapId::kMixerIn);
  const ValueId branch = s.input("branch", TapId::kMixerOut);
  s.output("out", s.add(s.kind<graph::Add>(), {stream, branch}, s.shape(stream)), TapId::kMid);
}

constexpr Port kGatedResidualPorts[] = {{Kind::kInput, "stream", "T,W"},
                                        {Kind::kInput, "branch", "T,W"},
                                        {Kind::kWeight, "w", "W"},
                                        {Kind::kOutput, "out", "T,W"}};
void build_gated_residual(Sketch& s) {
  const ValueId stream = s.input("stream", TapId::kMixerIn);
  const ValueId branch = s.input("branch", TapId::kMixerOut);
  s.output("out",
           s.add(graph::GatedResidual{}, {stream, branch}, s.shape(stream),
                 {s.weight("w", "residual_gate")}),
           TapId::kMid);
}

constexpr Port kActivationPorts[] = {{Kind::kInput, "x", "..."},
                                     {Kind::kWeight, "alpha_p", "1", true, "xielu's"},
                                     {Kind::kWeight, "alpha_n", "1", true, "xielu's"},
                                     {Kind::kWeight, "beta", "1", true, "xielu's"},
                                     {Kind::kWeight, "eps", "1", true, "xielu's"},
                                     {Kind::kOutput, "out", "..."}};
void build_activation(Sketch& s) {
  const graph::Activate& op = s.kind<graph::Activate>();
  const ValueId x = s.input("x", TapId::kFfnUp);
  Weights weights;
  for (const char* scalar : {"alpha_p", "alpha_n", "beta", "eps"}) {
    if (s.has(scalar) == (op.activation == model::Activation::kXielu)) {
      if (s.has(scalar)) weights.push_back(s.weight(scalar, std::string("xielu.") + scalar));
      continue;
    }
    throw base::InputError("activation", scalar,
                           s.has(scalar) ? "is xielu's alone" : "is not given",
                           "xielu takes alpha_p, alpha_n, beta and eps");
  }
  s.output("out", s.add(op, {x}, s.shape(x), weights), TapId::kFfnAct);
}

constexpr Port kGatedActivationPorts[] = {
    {Kind::kInput, "gate", "..."}, {Kind::kInput, "up", "..."}, {Kind::kOutput, "out", "..."}};
void build_gated_activation(Sketch& s) {
  const ValueId gate = s.input("gate", TapId::kFfnGate);
  const ValueId up = s.input("up", TapId::kFfnUp);
  s.output("out", s.add(s.kind<graph::GatedActivation>(), {gate, up}, s.shape(gate)),
           TapId::kFfnAct);
}

constexpr Port kGatePorts[] = {
    {Kind::kInput, "x", "T,W"}, {Kind::kInput, "gate", "T,W|T,1"}, {Kind::kOutput, "out", "T,W"}};
void build_gate(Sketch& s) {
  const ValueId x = s.input("x", TapId::kAttn);
  const ValueId gate = s.input("gate", TapId::kMixerIn);
  s.output("out", s.add(s.kind<graph::Gate>(), {x, gate}, s.shape(x)), TapId::kAttnGated);
}

constexpr Port kConcatPorts[] = {
    {Kind::kInput, "x_0", "T,w_0"},       {Kind::kInput, "x_1", "T,w_1"},
    {Kind::kInput, "x_2", "T,w_2", true}, {Kind::kInput, "x_3", "T,w_3", true},
    {Kind::kInput, "x_4", "T,w_4", true}, {Kind::kInput, "x_5", "T,w_5", true},
    {Kind::kOutput, "out", "T,W"}};
void build_concat(Sketch& s) {
  constexpr TapId kTaps[] = {TapId::kQ,       TapId::kK,     TapId::kV,
                             TapId::kFfnGate, TapId::kFfnUp, TapId::kFfnIn};
  const graph::Concat& op = s.kind<graph::Concat>();
  std::vector<ValueId> parts;
  for (size_t i = 0; i < std::size(kTaps); ++i) {
    const std::string port = "x_" + std::to_string(i);
    if (s.has(port)) parts.push_back(s.input(port, kTaps[i]));
  }
  int width = 0;
  for (const ValueId part : parts) {
    const int own = s.shape(part).back();
    const bool once = op.broadcast_last && part == parts.back();
    if (op.groups < 1 || (!once && own % op.groups != 0)) {
      throw base::InputError("concat", "groups", "do not divide a row of " + std::to_string(own),
                             "every input has as many parts as there are groups");
    }
    width += once ? own * op.groups : own;
  }
  if (s.gives("out") && width != s.size("W")) {
    throw base::InputError("concat", "out", "has rows of " + std::to_string(s.size("W")),
                           "its inputs together have " + std::to_string(width));
  }
  s.output("out", s.add(op, parts, {width}), TapId::kMixerOut);
}

constexpr Port kDecayPorts[] = {{Kind::kInput, "a", "T,value_heads"},
                                {Kind::kWeight, "A_log", "value_heads"},
                                {Kind::kWeight, "dt_bias", "value_heads"},
                                {Kind::kOutput, "out", "T,value_heads", false, "g, the log-decay"}};
void build_decay(Sketch& s) {
  const ValueId a = s.input("a", TapId::kMixerIn);
  s.output("out",
           s.add(graph::DeltaDecay{}, {a}, s.shape(a),
                 {s.weight("A_log", "gdn.A_log"), s.weight("dt_bias", "gdn.dt_bias")}),
           TapId::kGdnDecay);
}

template <class Op>
Kinds just() {
  return {Op{}};
}
template <class Norm>
Kinds norm() {
  return {Norm{.eps = model::NormSpec{}.eps}};
}

template <class Op>
KernelOp row(std::span<const Port> ports, Kinds (*kinds)(), void (*build)(Sketch&)) {
  const graph::OpRow& op = graph::op_row(Op::kName);
  return {op.name, op.formula, op.source, ports, kinds, build};
}

constexpr auto kNorms = std::span(kNormPorts);

}  // namespace

std::span<const KernelOp> single_ops() {
  using namespace graph;
  static const Port kRmsPorts[] = {kNormPorts[0], kNormPorts[1], kNormPorts[3]};
  static const KernelOp kRows[] = {
      row<Embedding>(kEmbeddingPorts, just<Embedding>, build_embedding),
      row<Linear>(kLinearPorts, just<Linear>, build_linear),
      row<RmsNorm>(kRmsPorts, norm<RmsNorm>, build_norm<RmsNorm>),
      row<LayerNorm>(kNorms, norm<LayerNorm>, build_norm<LayerNorm>),
      row<Scale>(kAnyX, just<Scale>, build_unary<Scale, TapId::kMixerIn, TapId::kMixerOut>),
      row<Add>(kAddPorts, just<Add>, build_add),
      row<GatedResidual>(kGatedResidualPorts, just<GatedResidual>, build_gated_residual),
      row<Clamp>(kAnyX, just<Clamp>, build_unary<Clamp, TapId::kMixerIn, TapId::kMixerOut>),
      row<SoftCap>(kAnyX, just<SoftCap>, build_unary<SoftCap, TapId::kMixerIn, TapId::kMixerOut>),
      row<Activate>(kActivationPorts, just<Activate>, build_activation),
      row<GatedActivation>(kGatedActivationPorts, just<GatedActivation>, build_gated_activation),
      row<Gate>(kGatePorts, just<Gate>, build_gate),
      row<Concat>(kConcatPorts, just<Concat>, build_concat),
      row<DeltaDecay>(kDecayPorts, just<DeltaDecay>, build_decay),
  };
  return kRows;
}

}  // namespace plumb::kernel
