// One stream of random numbers: what a study varies.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace plumb::studies {

class Draw {
 public:
  Draw(uint64_t seed, std::string_view name) : key_(base::stream_key(seed, name)) {}

  // In [first, last].
  int64_t between(int64_t first, int64_t last) {
    const auto count = static_cast<uint64_t>(last - first + 1);
    return first + static_cast<int64_t>(base::random_bits(key_, counter_++) % count);
  }
  template <class T>
  const T& among(const std::vector<T>& items) {
    return items[static_cast<size_t>(between(0, static_cast<int64_t>(items.size()) - 1))];
  }

 private:
  uint64_t key_;
  uint64_t counter_ = 0;
};

}  // namespace plumb::studies
