// The ops in float32. One file an op, under the op's name; formulas stand in graph/op_table.cpp.
//
// An op kind is a compute() here and its file. Kinds that multiply with matrices, derive constants
// from their weights, need scratch memory or carry state say so with an overload of matrices_of(),
// constants_for(), scratch_for() or initial_state(); the others have the defaults.
#pragma once

#include <optional>

#include "candidates/cpu/call/context.h"
#include "candidates/cpu/call/state.h"
#include "candidates/cpu/products/product.h"
#include "graph/ops.h"

namespace plumb::candidates::cpu {

Ran compute(const graph::Embedding& op, const Context& context);
Ran compute(const graph::Linear& op, const Context& context);
Ran compute(const graph::RmsNorm& op, const Context& context);
Ran compute(const graph::LayerNorm& op, const Context& context);
Ran compute(const graph::Rope& op, const Context& context);
Ran compute(const graph::PositionScale& op, const Context& context);
Ran compute(const graph::PositionEmbedding& op, const Context& context);
Ran compute(const graph::Attention& op, const Context& context);
Ran compute(const graph::Scale& op, const Context& context);
Ran compute(const graph::Add& op, const Context& context);
Ran compute(const graph::GatedResidual& op, const Context& context);
Ran compute(const graph::Clamp& op, const Context& context);
Ran compute(const graph::SoftCap& op, const Context& context);
Ran compute(const graph::Activate& op, const Context& context);
Ran compute(const graph::GatedActivation& op, const Context& context);
Ran compute(const graph::Gate& op, const Context& context);
Ran compute(const graph::Concat& op, const Context& context);
Ran compute(const graph::Route& op, const Context& context);
Ran compute(const graph::Experts& op, const Context& context);
Ran compute(const graph::CausalConv& op, const Context& context);
Ran compute(const graph::DeltaDecay& op, const Context& context);
Ran compute(const graph::GatedDeltaRule& op, const Context& context);

// The two halves of compute() for Linear, between which products that run together are multiplied.
Product product_of(const graph::Linear& op, const Context& context);
void finish_product(const graph::Linear& op, const Context& context);

// How many of an op's weights, the first of them, are matrices; the others are values.
template <class Op>
size_t matrices_of(const Op&) {
  return 0;
}
inline size_t matrices_of(const graph::Embedding&) {
  return 1;
}
inline size_t matrices_of(const graph::PositionEmbedding&) {
  return 1;
}
inline size_t matrices_of(const graph::Linear&) {
  return 1;
}
inline size_t matrices_of(const graph::Experts&) {
  return 3;
}

template <class Op>
Buffer<float> constants_for(const Op&, const Step&) {
  return {};
}
Buffer<float> constants_for(const graph::Linear& op, const Step& step);
Buffer<float> constants_for(const graph::GatedResidual& op, const Step& step);
Buffer<float> constants_for(const graph::CausalConv& op, const Step& step);
Buffer<float> constants_for(const graph::DeltaDecay& op, const Step& step);

template <class Op>
ScratchSize scratch_for(const Op&, const Step&) {
  return {};
}
ScratchSize scratch_for(const graph::Linear& op, const Step& step);
ScratchSize scratch_for(const graph::Attention& op, const Step& step);
ScratchSize scratch_for(const graph::Experts& op, const Step& step);
ScratchSize scratch_for(const graph::GatedDeltaRule& op, const Step& step);

template <class Op>
std::optional<State> initial_state(const Op&, const Step&) {
  return std::nullopt;
}
std::optional<State> initial_state(const graph::Attention& op, const Step& step);
std::optional<State> initial_state(const graph::CausalConv& op, const Step& step);
std::optional<State> initial_state(const graph::GatedDeltaRule& op, const Step& step);

}  // namespace plumb::candidates::cpu
