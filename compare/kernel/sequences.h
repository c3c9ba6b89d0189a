// The sequences that a call's rows are, and where they stand.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "compare/kernel/ports.h"
#include "compare/kernel/shapes.h"

namespace plumb::kernel {

struct Sequences {
  std::vector<std::vector<int64_t>> rows;  // of each sequence, among all rows
  std::vector<int64_t> positions;          // of each row
};

// Rows of one batch entry are a sequence where the op looks from one position at another, or at
// where it stands; otherwise all are one. `first`: the position of the first row, where no
// positions are given. Throws InputError where positions do not rise by one, or sequences are many.
Sequences find_sequences(const KernelOp& op, const Kinds& kinds, const Shapes& shapes,
                         const std::vector<Plugged>& inputs, int64_t first);

}  // namespace plumb::kernel
