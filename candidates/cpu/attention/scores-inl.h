// What attention makes of a score before its exponential.
#include "graph/ops.h"
#include "hwy/highway.h"

#if defined(PLUMB_CANDIDATES_CPU_SCORES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_CANDIDATES_CPU_SCORES_INL_H_
#undef PLUMB_CANDIDATES_CPU_SCORES_INL_H_
#else
#define PLUMB_CANDIDATES_CPU_SCORES_INL_H_
#endif

#include "candidates/cpu/simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

// scale x, capped; increasing in x, a scale being positive
HWY_INLINE hn::Vec<D> scaled_and_capped(const graph::Attention& op, hn::Vec<D> x) {
  const auto scaled = hn::Mul(x, hn::Set(D(), op.scale));
  return op.soft_cap > 0.0 ? Capped{op.soft_cap}(scaled) : scaled;
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
