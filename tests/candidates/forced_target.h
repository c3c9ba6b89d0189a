// One instruction set in the place of the best one, while this lives.
#pragma once

#include <hwy/targets.h>

#include <cstdint>

namespace plumb::candidates::testing {

class Forced {
 public:
  // One of cpu::usable_targets().
  explicit Forced(int64_t target) { hwy::SetSupportedTargetsForTest(target); }
  ~Forced() { hwy::SetSupportedTargetsForTest(0); }
  Forced(const Forced&) = delete;
  Forced& operator=(const Forced&) = delete;
};

}  // namespace plumb::candidates::testing
