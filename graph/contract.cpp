#include "graph/contract.h"

#include <algorithm>

#include "base/errors.h"

namespace plumb::graph {
namespace {

using base::DType;

// llama.cpp's default cache, whatever the type of the rest.
constexpr ContractException kHalfCache[] = {{"attention", "key", DType::kF16},
                                            {"attention", "value", DType::kF16}};

constexpr ContractException kShortOperands[] = {{"linear", "input", DType::kBF16},
                                                {"linear", "weight", DType::kBF16},
                                                {"experts", "input", DType::kBF16},
                                                {"experts", "weight", DType::kBF16},
                                                {"embedding", "weight", DType::kBF16}};

constexpr ContractException kShortState[] = {{"gated_delta_rule", "state", DType::kBF16}};

constexpr Contract kContracts[] = {
    {"float64", "every operation in float64", DType::kF64, DType::kF64, DType::kF64, {}},
    {"float32", "every operation in float32", DType::kF32, DType::kF32, DType::kF32, {}},
    {"bfloat16",
     "transformers' eager modules in bfloat16: results stored in bfloat16, norms, "
     "softmax and sums in float32",
     DType::kBF16,
     DType::kF32,
     DType::kF32,
     {}},
    {"float16",
     "transformers' eager modules in float16",
     DType::kF16,
     DType::kF32,
     DType::kF32,
     {}},
    {"float32-f16-kv", "float32, keys and values rounded to float16 (a float16 cache)", DType::kF32,
     DType::kF32, DType::kF32, kHalfCache},
    {"float32-bf16-state", "float32, the recurrent state rounded to bfloat16", DType::kF32,
     DType::kF32, DType::kF32, kShortState},
    {kShortProducts, "float32 activations, rounded to bfloat16 where they meet a bfloat16 weight",
     DType::kF32, DType::kF32, DType::kF32, kShortOperands},
};

}  // namespace

std::span<const Contract> contracts() {
  return kContracts;
}

double coarsest_roundoff(const Contract& contract) {
  double coarsest = base::unit_roundoff(contract.storage);
  for (const ContractException& exception : contract.exceptions) {
    if (exception.dtype) coarsest = std::max(coarsest, base::unit_roundoff(*exception.dtype));
  }
  return coarsest;
}

std::vector<const Contract*> contracts_by_strictness() {
  std::vector<const Contract*> sorted;
  for (const Contract& contract : kContracts) sorted.push_back(&contract);
  const auto noise = [](const Contract* contract) {
    return std::pair(base::unit_roundoff(contract->storage), coarsest_roundoff(*contract));
  };
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](const Contract* a, const Contract* b) { return noise(a) < noise(b); });
  return sorted;
}

const Contract* find_contract(std::string_view name) {
  for (const Contract& contract : kContracts) {
    if (contract.name == name) return &contract;
  }
  return nullptr;
}

const Contract& default_contract(DType dtype) {
  for (const Contract& contract : kContracts) {
    if (contract.storage == dtype) return contract;
  }
  throw base::InternalError("every dtype has a contract");
}

std::optional<DType> rounding(const Contract& contract, const OpKind& kind, int step) {
  return std::visit(
      [&](const auto& op) -> std::optional<DType> {
        using Kind = std::decay_t<decltype(op)>;
        for (const ContractException& exception : contract.exceptions) {
          if (exception.op == Kind::kName && exception.step == Kind::kSteps[step].name) {
            return exception.dtype;
          }
        }
        switch (step_kind(op, step)) {
          case StepKind::kStorage:
            return contract.storage;
          case StepKind::kCompute:
            return contract.compute;
          case StepKind::kSum:
            return contract.accumulate;
          case StepKind::kOperand:
            return std::nullopt;
        }
        return std::nullopt;
      },
      kind);
}

}  // namespace plumb::graph
