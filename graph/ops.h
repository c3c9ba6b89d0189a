// The op kinds: attributes and numerical sub-steps, one struct a kind.
//
// A forward is a list of these. A struct's fields are its attributes; attributes() names each once,
// for printing, comparing and editing. kSteps lists the sub-steps in which a low-precision engine
// may round; contract.h maps their kinds to dtypes. What an op computes, and where that is stated,
// stands in op_table.cpp.
//
// To add an op: a struct here, a row in op_table.cpp, a kernel in reference/ and one in
// candidates/cpu/ under the op's name, and a test.
#pragma once

#include <variant>

#include "graph/ops/attention.h"
#include "graph/ops/delta.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/experts.h"
#include "graph/ops/linear.h"
#include "graph/ops/norm.h"
#include "graph/ops/position.h"
#include "graph/ops/step.h"

namespace plumb::graph {

using OpKind =
    std::variant<Embedding, Linear, RmsNorm, LayerNorm, Rope, PositionScale, PositionEmbedding,
                 Attention, Scale, Add, GatedResidual, Clamp, SoftCap, Activate, GatedActivation,
                 Gate, Concat, Route, Experts, CausalConv, DeltaDecay, GatedDeltaRule>;

// What sub-step `step` of an op is, given its attributes.
template <class Op>
StepKind step_kind(const Op& op, int step) {
  if constexpr (requires { op.step_kind(step); }) {
    return op.step_kind(step);
  } else {
    return Op::kSteps[step].kind;
  }
}

}  // namespace plumb::graph
