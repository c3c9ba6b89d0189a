// Rows that an op is given the same of.
#pragma once

#include <span>
#include <vector>

#include "graph/ops.h"
#include "reference/context.h"
#include "reference/kernels.h"

namespace plumb::reference {

// Of each row of the inputs, the first of its sequence with its token that is the same but for some
// roundings. Empty where no two are, or where what the op makes of a row depends on its position.
std::vector<size_t> find_alike(const graph::OpKind& kind, std::span<const Sequence> sequences,
                               Inputs in, double roundoff);

}  // namespace plumb::reference
