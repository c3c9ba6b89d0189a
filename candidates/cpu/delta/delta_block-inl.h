// A few columns of one head's state in scratch memory: what the kernels of the gated delta rule
// that keep it in the nearest cache work on.
#include "hwy/highway.h"

#if defined(PLUMB_CANDIDATES_CPU_DELTA_BLOCK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_CANDIDATES_CPU_DELTA_BLOCK_INL_H_
#undef PLUMB_CANDIDATES_CPU_DELTA_BLOCK_INL_H_
#else
#define PLUMB_CANDIDATES_CPU_DELTA_BLOCK_INL_H_
#endif

#include "candidates/cpu/delta/delta_head.h"
#include "candidates/cpu/simd/simd-inl.h"
#include "hwy/cache_control.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

constexpr size_t kVectors = 2;  // of a block's columns

HWY_INLINE size_t columns_of_a_block() {
  return kVectors * hn::Lanes(F());
}

// [key_dim, columns_of_a_block()]; columns that the head does not have are zero.
class DeltaBlock {
 public:
  HWY_INLINE DeltaBlock(const DeltaHead& head, size_t column, float* rows)
      : head_(head), column_(column), rows_(rows) {
    for (size_t i = 0; i < head.key_dim; ++i) {
      for (size_t v = 0; v < kVectors; ++v) hn::Store(load(state_row(i), v), F(), row(i, v));
    }
  }

  HWY_INLINE void write_back() const {
    for (size_t i = 0; i < head_.key_dim; ++i) {
      for (size_t v = 0; v < kVectors; ++v) {
        store(hn::Load(F(), row(i, v)), state_row(i), v);
      }
    }
  }

  const DeltaHead& head() const { return head_; }
  HWY_INLINE float* row(size_t i, size_t v) const {
    return rows_ + (i * kVectors + v) * hn::Lanes(F());
  }
  // Vector v of the block's columns of token t's value and answer.
  HWY_INLINE hn::Vec<F> value(size_t t, size_t v) const { return load(head_.v.at(t) + column_, v); }
  HWY_INLINE void prefetch(size_t t) const {
    for (size_t v = 0; v < kVectors; ++v) {
      hwy::Prefetch(head_.v.at(t) + column_ + v * hn::Lanes(F()));
      hwy::Prefetch(head_.out.at(t) + column_ + v * hn::Lanes(F()));
    }
  }
  HWY_INLINE void answer(size_t t, size_t v, hn::Vec<F> y) const {
    store(y, head_.out.at(t) + column_, v);
  }

 private:
  HWY_INLINE float* state_row(size_t i) const {
    return head_.state + i * head_.value_dim + column_;
  }
  HWY_INLINE size_t lanes(size_t v) const {
    const size_t before = column_ + v * hn::Lanes(F());
    return before < head_.value_dim ? head_.value_dim - before : 0;
  }
  HWY_INLINE hn::Vec<F> load(const float* from, size_t v) const {
    return load_some(F(), from + v * hn::Lanes(F()), lanes(v));
  }
  HWY_INLINE void store(hn::Vec<F> x, float* to, size_t v) const {
    store_some(x, F(), to + v * hn::Lanes(F()), lanes(v));
  }

  const DeltaHead& head_;
  size_t column_;
  float* rows_;
};

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
