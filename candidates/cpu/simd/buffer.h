// Memory for vectors of a fixed machine, aligned and in large pages.
#pragma once

#include <vector>

#include "base/aligned_allocator.h"

namespace plumb::candidates::cpu {

using base::kAlignment;

template <class T>
using Buffer = std::vector<T, base::AlignedAllocator<T>>;

// The least multiple of a cache line's floats that is not less than n.
constexpr size_t padded(size_t n) {
  constexpr size_t kFloats = kAlignment / sizeof(float);
  return (n + kFloats - 1) / kFloats * kFloats;
}

}  // namespace plumb::candidates::cpu
