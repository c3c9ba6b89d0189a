// The ops in float32. One file an op, under the op's name; formulas stand in graph/op_table.cpp.
//
// An op kind is a compute() here and its file. Kinds that need scratch memory or carry state say so
// with an overload of scratch_for() or initial_state(); the others have the defaults.
#pragma once

#include <optional>

#include "base/errors.h"
#include "candidates/cpu/context.h"
#include "candidates/cpu/state.h"
#include "graph/ops.h"

namespace plumb::candidates::cpu {

template <class Op>
Ran compute(const Op&, const Context&) {
  throw base::InternalError("no kernel of this op yet: " + std::string(Op::kName));
}
Ran compute(const graph::Embedding& op, const Context& context);
Ran compute(const graph::Scale& op, const Context& context);
Ran compute(const graph::Linear& op, const Context& context);
Ran compute(const graph::RmsNorm& op, const Context& context);
Ran compute(const graph::Rope& op, const Context& context);
Ran compute(const graph::Attention& op, const Context& context);
Ran compute(const graph::GatedActivation& op, const Context& context);
Ran compute(const graph::Add& op, const Context& context);
Ran compute(const graph::SoftCap& op, const Context& context);
Ran compute(const graph::Route& op, const Context& context);
Ran compute(const graph::Experts& op, const Context& context);

template <class Op>
ScratchSize scratch_for(const Op&, const Step&) {
  return {};
}
ScratchSize scratch_for(const graph::Linear& op, const Step& step);
ScratchSize scratch_for(const graph::Attention& op, const Step& step);
ScratchSize scratch_for(const graph::Experts& op, const Step& step);

template <class Op>
std::optional<State> initial_state(const Op&) {
  return std::nullopt;
}
std::optional<State> initial_state(const graph::Attention& op);

}  // namespace plumb::candidates::cpu
