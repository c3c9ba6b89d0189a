// The ops that can be judged by themselves: each op of graph/op_table.cpp, and fused ones that
// people write. A row names what it reads and gives, and says how it is made of ops.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/ops.h"

namespace plumb::kernel {

class Sketch;

struct Port {
  enum class Kind : uint8_t {
    kInput,      // a value, a row a position
    kPositions,  // where the rows stand: whole numbers
    kWeight,
    kState,  // carried into the call
    kOutput,
    kKept,  // carried out of it; a state's name again
  };
  Kind kind;
  std::string_view name;
  // Names of sizes, or numbers: "T,heads,head_dim". T: positions; a leading batch axis may stand
  // before it. "...": any shape, the same for all ports that have it. Alternatives with '|'.
  std::string_view axes;
  bool optional = false;
  std::string_view meaning = {};
};

// Attributes that are no size: sizes follow from the shapes.
using Kinds = std::vector<graph::OpKind>;

struct KernelOp {
  std::string_view name;
  std::string_view formula;
  std::string_view source;
  std::span<const Port> ports;
  Kinds (*kinds)();  // its ops, with the attributes that stand where none are set
  void (*build)(Sketch& sketch);

  const Port* find(Port::Kind kind, std::string_view wanted) const;
};

// Single ops in the order of the op table, then the fused ones.
std::vector<const KernelOp*> kernel_ops();
std::span<const KernelOp> single_ops();
std::span<const KernelOp> position_ops();
std::span<const KernelOp> expert_ops();
std::span<const KernelOp> fused_ops();

// Throws InputError naming the known ones.
const KernelOp& find_kernel_op(const std::string& name);

// Of the tensors that a caller names: the op's port, under its own name, one that people use for it
// ("weight" for "w"), or in other case. Null where there is none.
const Port* find_port(const KernelOp& op, std::span<const Port::Kind> kinds, std::string_view name);

}  // namespace plumb::kernel
