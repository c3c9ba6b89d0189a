// One instruction set in the place of the best one, while this lives.
#pragma once

#include "base/errors.h"
#include "candidates/cpu/simd/targets.h"

namespace plumb::candidates::testing {

class Forced {
 public:
  explicit Forced(const cpu::Target& target) { cpu::force_target(target); }
  ~Forced() { cpu::use_best_target(); }
  Forced(const Forced&) = delete;
  Forced& operator=(const Forced&) = delete;
};

// The best target but for products of bfloat16: cpu-bf16 then makes no rounding that cpu-f32 does
// not make, and is held to the same bounds.
inline cpu::Target best_in_float32() {
  for (const cpu::Target& target : cpu::usable_targets()) {
    if (!target.has_bf16) return target;
  }
  throw base::InternalError("some target has no products of bfloat16");
}

}  // namespace plumb::candidates::testing
