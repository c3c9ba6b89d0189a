// The ops in float64, as their papers write them. One file an op; the formula, its source and its
// inputs stand in graph/op_table.cpp.
//
// Each kernel is compiled for Exact and for Emulated arithmetic. `in` are the op's inputs, `out`
// its outputs, already shaped [rows, width].
#pragma once

#include <span>

#include "graph/ops.h"
#include "reference/arithmetic.h"
#include "reference/context.h"
#include "reference/matrix.h"

namespace plumb::reference {

using Inputs = std::span<const Matrix* const>;
using Outputs = std::span<Matrix>;

#define PLUMB_DECLARE_KERNEL(Op) \
  template <class A>             \
  void compute(const A& a, const graph::Op& op, const Context& context, Inputs in, Outputs out);

PLUMB_DECLARE_KERNEL(Embedding)
PLUMB_DECLARE_KERNEL(Linear)
PLUMB_DECLARE_KERNEL(RmsNorm)
PLUMB_DECLARE_KERNEL(LayerNorm)
PLUMB_DECLARE_KERNEL(Rope)
PLUMB_DECLARE_KERNEL(PositionScale)
PLUMB_DECLARE_KERNEL(PositionEmbedding)
PLUMB_DECLARE_KERNEL(Attention)
PLUMB_DECLARE_KERNEL(Scale)
PLUMB_DECLARE_KERNEL(Add)
PLUMB_DECLARE_KERNEL(GatedResidual)
PLUMB_DECLARE_KERNEL(Clamp)
PLUMB_DECLARE_KERNEL(SoftCap)
PLUMB_DECLARE_KERNEL(Activate)
PLUMB_DECLARE_KERNEL(GatedActivation)
PLUMB_DECLARE_KERNEL(Gate)
PLUMB_DECLARE_KERNEL(Concat)
PLUMB_DECLARE_KERNEL(Route)
PLUMB_DECLARE_KERNEL(Experts)
PLUMB_DECLARE_KERNEL(CausalConv)
PLUMB_DECLARE_KERNEL(DeltaDecay)
PLUMB_DECLARE_KERNEL(GatedDeltaRule)

#undef PLUMB_DECLARE_KERNEL

// At the end of a kernel's file: the two arithmetics it is compiled for.
#define PLUMB_INSTANTIATE_KERNEL(Op)                                                      \
  template void compute(const Exact&, const graph::Op&, const Context&, Inputs, Outputs); \
  template void compute(const Emulated&, const graph::Op&, const Context&, Inputs, Outputs);

}  // namespace plumb::reference
