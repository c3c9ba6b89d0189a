// Precision contracts: which roundings an engine of a declared precision is entitled to.
//
// A contract is data: the dtype of each kind of sub-step (ops.h), and the sub-steps that it treats
// otherwise. A run "under a contract" is float64 arithmetic with these roundings and nothing else.
// The rows are in contract_rows.cpp; contract_file.h reads others from JSON, with the same fields.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/precision.h"
#include "graph/ops.h"
#include "model/weights/stored_form.h"

namespace plumb::graph {

// A condition on an op: one of its attributes has this value, as `plumb graph` prints it.
struct AttributeIs {
  std::string attribute;
  std::string value;
};

// What a product's operand is rounded to by how the op's weight is stored.
enum class ByWeight : uint8_t {
  kNo,
  kType,      // to its type, where that has 16 bits; else unrounded
  kGgml,      // the same, and to blocks where a GGUF's weight lies in blocks, as ggml does on a CPU
  kDeclared,  // to the codes that the checkpoint declares, as torch's modules make them
  kServed,    // the same as serving engines' kernels make them
};

// A sub-step that a contract rounds to something else than its kind, where all conditions hold.
struct ContractException {
  std::string op;
  std::string step;
  // None: leaves it unrounded.
  std::optional<base::Precision> to;
  ByWeight by_weight = ByWeight::kNo;  // in place of `to`
  // Of a sum: its terms are added one after the other, and each sum is rounded.
  bool in_order = false;
  // Of an activation: looked up in a table, by an argument that is rounded alike.
  bool from_table = false;
  std::vector<AttributeIs> where = {};
  // Of the queries in a call: at least so many, fewer than so many (0: any number).
  size_t from_queries = 0;
  size_t below_queries = 0;
};

struct Contract {
  std::string name;
  std::string meaning;
  base::DType storage = base::DType::kF32;     // of weights and of stored activations
  base::DType compute = base::DType::kF32;     // inside an op
  base::DType accumulate = base::DType::kF32;  // of sums
  std::vector<ContractException> exceptions = {};
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

// What else than its kind decides how an op rounds.
struct Circumstances {
  size_t queries = 1;                     // positions of the call
  std::optional<model::Storage> weights;  // of its first weight
};

// How a sub-step rounds; to nothing: it stays exact.
struct StepRule {
  std::optional<base::Precision> to;                       // or (for a sum) in which it accumulates
  std::optional<base::OperandCodes> codes = std::nullopt;  // of an operand, in place of `to`
  bool in_order = false;
  bool from_table = false;

  bool operator==(const StepRule&) const = default;
};

StepRule rounding(const Contract& contract, const OpKind& kind, int step,
                  const Circumstances& circumstances);

}  // namespace plumb::graph
