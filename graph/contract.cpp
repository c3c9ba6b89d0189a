#include "graph/contract.h"

#include "base/errors.h"

namespace plumb::graph {
namespace {

using base::DType;

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
};

}  // namespace

std::span<const Contract> contracts() {
  return kContracts;
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
