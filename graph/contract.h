// Precision contracts: which roundings an engine of a declared precision is entitled to.
//
// A contract is data: the dtype of each kind of sub-step (ops.h), and the sub-steps that it treats
// otherwise. A run "under a contract" is float64 arithmetic with these roundings and nothing else.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "graph/ops.h"

namespace plumb::graph {

// A sub-step that a contract rounds to `dtype` whatever its kind; none: leaves unrounded.
struct ContractException {
  std::string_view op;
  std::string_view step;
  std::optional<base::DType> dtype;
};

struct Contract {
  std::string_view name;
  std::string_view meaning;
  base::DType storage;     // of weights and of stored activations
  base::DType compute;     // inside an op
  base::DType accumulate;  // of sums
  std::span<const ContractException> exceptions;
};

// Engines of bfloat16 weights whose activations stay float32: llama.cpp, this project's.
inline constexpr std::string_view kShortProducts = "float32-bf16-matmul";

std::span<const Contract> contracts();

// Of the coarsest type to which it rounds anything.
double coarsest_roundoff(const Contract& contract);

// From the least noise to the most.
std::vector<const Contract*> contracts_by_strictness();

// Null for a name that is none of theirs.
const Contract* find_contract(std::string_view name);

// The contract of an engine that declares nothing but its dtype: float32 throughout, or what
// transformers' eager modules do in 16 bits.
const Contract& default_contract(base::DType dtype);

// The dtype to which sub-step `step` of `kind` is rounded, or (for a sum) in which it accumulates;
// none where it stays exact.
std::optional<base::DType> rounding(const Contract& contract, const OpKind& kind, int step);

}  // namespace plumb::graph
