// Contracts whose products round operands to codes of few bits, by what their weights are stored
// as.
#pragma once

#include <algorithm>

#include "graph/contract.h"

namespace plumb::evidence {

inline bool is_coded(const graph::Contract& contract) {
  return contract.storage == base::DType::kF32 &&
         std::ranges::any_of(contract.exceptions, [](const auto& exception) {
           return exception.by_weight > graph::ByWeight::kType;
         });
}

}  // namespace plumb::evidence
