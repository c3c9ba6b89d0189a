// One op of a plan, with all that does not depend on the tokens settled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "candidates/cpu/products/weight.h"
#include "candidates/cpu/simd/buffer.h"
#include "graph/graph.h"

namespace plumb::candidates::cpu {

// Where a value stands in the arena of activations: `rows` times `offset` floats from its start.
struct Place {
  size_t offset = 0;
  size_t width = 0;
};

inline constexpr size_t kMostTogether = 8;

// Which of an op's kernels runs, where it has several.
enum class Kernel : uint8_t {
  kFastest,  // for the call at hand
  kFused,    // one pass a token over what the nearest cache holds
  kChunked,  // products of matrices for chunks of tokens; calls of less than a chunk as kFused
  kNaive,    // as the op's formula is written: to compare with
};

struct Step {
  const graph::Op* op = nullptr;
  Kernel kernel = Kernel::kFastest;
  std::vector<Place> in;
  std::vector<Place> out;
  std::vector<const Weight*> weights;  // in the order of the op's row in op_table.cpp
  Buffer<float> constants;             // what the kernel derives from them, once
  std::optional<size_t> slot;          // of the session's state
  size_t together = 1;  // so many steps from this one on run as one; 0: not the first
};

}  // namespace plumb::candidates::cpu
