// The choice of experts by itself.
#pragma once

#include <span>
#include <vector>

#include "model/spec.h"

namespace plumb::reference {

// The experts that a router takes for one position, best first; `correction` may be empty. Among
// equal scores the lower expert, and the lower group, is first.
std::vector<size_t> choose_experts(const model::RouterSpec& router, std::span<const double> logits,
                                   std::span<const double> correction);

// Which groups of experts these logits leave open; the router has several.
std::vector<bool> open_groups(const model::RouterSpec& router, std::span<const double> logits,
                              std::span<const double> correction);

}  // namespace plumb::reference
