#include "graph/contract.h"

#include <algorithm>

#include "base/errors.h"
#include "graph/printer.h"

namespace plumb::graph {
namespace {

using base::DType;
using base::Precision;

bool applies(const ContractException& exception, const OpKind& kind,
             const Circumstances& circumstances) {
  if (circumstances.queries < exception.from_queries) return false;
  if (exception.below_queries > 0 && circumstances.queries >= exception.below_queries) return false;
  return std::ranges::all_of(exception.where, [&](const AttributeIs& condition) {
    return attribute_text(kind, condition.attribute) == condition.value;
  });
}

// Codes that are declared, as the engines of a contract make them.
StepRule declared(std::optional<base::OperandCodes> codes, const Contract& contract,
                  ByWeight by_weight) {
  if (!codes) return {};
  codes->recipe = by_weight == ByWeight::kServed ? base::OperandCodes::Recipe::kServed
                                                 : base::OperandCodes::Recipe::kTorch;
  codes->working = by_weight == ByWeight::kServed ? DType::kF32 : contract.storage;
  return {.to = std::nullopt, .codes = codes};
}

StepRule rule_by_weight(const Contract& contract, ByWeight by_weight,
                        const Circumstances& circumstances) {
  if (!circumstances.weights) return {};
  const model::Storage& stored = *circumstances.weights;
  if (by_weight == ByWeight::kDeclared || by_weight == ByWeight::kServed) {
    return declared(stored.operand, contract, by_weight);
  }
  if (stored.plain && base::size_of(*stored.plain) == 2) return {base::precision_of(*stored.plain)};
  if (by_weight != ByWeight::kGgml) return {};
  return {.to = std::nullopt, .codes = base::ggml_operand(stored.ggml)};
}

StepRule rule_of(const Contract& contract, const ContractException& exception,
                 const Circumstances& circumstances) {
  if (exception.by_weight != ByWeight::kNo) {
    return rule_by_weight(contract, exception.by_weight, circumstances);
  }
  return {.to = exception.to, .in_order = exception.in_order, .from_table = exception.from_table};
}

// The rows that follow the weights' type, as they are on a file in float32.
const std::vector<Contract>& widened_contracts() {
  static const std::vector<Contract> widened = [] {
    std::vector<Contract> result;
    for (Contract contract : contracts()) {
      const auto dropped = std::erase_if(
          contract.exceptions,
          [](const ContractException& exception) { return exception.by_weight != ByWeight::kNo; });
      contract.meaning += ", on a file in float32";
      if (dropped > 0) result.push_back(std::move(contract));
    }
    return result;
  }();
  return widened;
}

}  // namespace

double coarsest_roundoff(const Contract& contract) {
  double coarsest = base::unit_roundoff(contract.storage);
  for (const ContractException& exception : contract.exceptions) {
    // Codes of 8 bits are about as coarse as bfloat16.
    const auto to =
        exception.by_weight != ByWeight::kNo ? std::optional(Precision::kBF16) : exception.to;
    if (to) coarsest = std::max(coarsest, base::unit_roundoff(*to));
  }
  return coarsest;
}

std::vector<const Contract*> contracts_by_strictness() {
  std::vector<const Contract*> sorted;
  for (const Contract& contract : contracts()) sorted.push_back(&contract);
  for (const Contract& contract : widened_contracts()) sorted.push_back(&contract);
  const auto noise = [](const Contract* contract) {
    return std::pair(base::unit_roundoff(contract->storage), coarsest_roundoff(*contract));
  };
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](const Contract* a, const Contract* b) { return noise(a) < noise(b); });
  return sorted;
}

const Contract* find_contract(std::string_view name) {
  const auto all = contracts();
  const auto found = std::ranges::find(all, name, &Contract::name);
  return found == all.end() ? nullptr : &*found;
}

const Contract& default_contract(DType dtype) {
  for (const Contract& contract : contracts()) {
    if (contract.storage == dtype && contract.exceptions.empty()) return contract;
  }
  throw base::InternalError("every dtype has a contract");
}

StepRule rounding(const Contract& contract, const OpKind& kind, int step,
                  const Circumstances& circumstances) {
  return std::visit(
      [&](const auto& op) -> StepRule {
        using Kind = std::decay_t<decltype(op)>;
        for (const ContractException& exception : contract.exceptions) {
          if (exception.op != Kind::kName || exception.step != Kind::kSteps[step].name) continue;
          if (applies(exception, kind, circumstances))
            return rule_of(contract, exception, circumstances);
        }
        switch (step_kind(op, step)) {
          case StepKind::kStorage:
            return {base::precision_of(contract.storage)};
          case StepKind::kCompute:
            return {base::precision_of(contract.compute)};
          case StepKind::kSum:
            return {base::precision_of(contract.accumulate)};
          case StepKind::kOperand:
            return {};
        }
        return {};
      },
      kind);
}

}  // namespace plumb::graph
