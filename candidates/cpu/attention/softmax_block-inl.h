// What the softmax of a panel does to a block of scores (attention_blocks.h).
#include "candidates/cpu/attention/panel.h"
#include "graph/ops.h"
#include "hwy/highway.h"

#if defined(PLUMB_CANDIDATES_CPU_SOFTMAX_BLOCK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_CANDIDATES_CPU_SOFTMAX_BLOCK_INL_H_
#undef PLUMB_CANDIDATES_CPU_SOFTMAX_BLOCK_INL_H_
#else
#define PLUMB_CANDIDATES_CPU_SOFTMAX_BLOCK_INL_H_
#endif

#include "candidates/cpu/attention/scores-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

// Lanes [at, ...) of a block that see key j.
template <class Tag>
class Sight {
 public:
  HWY_INLINE Sight(const Block& block, size_t at)
      : block_(block), rows_(hn::Iota(Tag(), static_cast<float>(at))) {}

  HWY_INLINE hn::Mask<Tag> of(size_t j) const {
    const float key = block_.ahead + static_cast<float>(j);
    const auto from = hn::Set(Tag(), key);
    const auto to = hn::Set(Tag(), key + block_.window);
    return hn::And(hn::Ge(rows_, from), hn::Lt(rows_, to));
  }

 private:
  const Block& block_;
  hn::Vec<Tag> rows_;
};

// The largest score of each row, `before` among them. One that is NaN is passed over: its
// exponential will be NaN.
template <bool kIsEdge, class Tag>
HWY_INLINE hn::Vec<Tag> largest(const Block& block, const Sight<Tag>& sight, size_t at,
                                hn::Vec<Tag> before) {
  auto most = before;
  for (size_t j = 0; j < block.count; ++j) {
    auto score = hn::LoadU(Tag(), block.scores + j * block.wide + at);
    if constexpr (kIsEdge) score = hn::IfThenElse(sight.of(j), score, before);
    most = hn::Max(score, most);
  }
  return most;
}

// z of the largest score, as the exponentials subtract it.
HWY_INLINE hn::Vec<D> shift_of(const graph::Attention& op, hn::Vec<HalfF> most) {
  if (op.soft_cap > 0.0) return scaled_and_capped(op, hn::PromoteTo(D(), most));
  return hn::PromoteTo(D(), hn::Mul(most, hn::Set(HalfF(), static_cast<float>(op.scale))));
}

// A vector of float32 as vectors of float64.
constexpr size_t kHalves = hn::MaxLanes(F()) / hn::MaxLanes(D());
template <class Place>
HWY_INLINE Place half(Place at, size_t h) {
  return at + h * hn::Lanes(D());
}
HWY_INLINE hn::Vec<D> promoted(const float* x) {
  return hn::PromoteTo(D(), hn::LoadU(HalfF(), x));
}

// The scores of a vector's rows become exp(z - shift), z = scale x, in float32: z - shift is
// rounded once, and the shift's own rounding is all keys' alike.
template <bool kIsEdge>
HWY_INLINE void exponentiate_scaled(float factor, const Block& block, size_t at,
                                    Progress& progress) {
  const F d;
  const Sight<F> sight(block, at);
  const auto scale = hn::Set(d, factor);
  const auto before = hn::LoadU(d, progress.most + at);
  const auto most = largest<kIsEdge>(block, sight, at, before);
  const auto shift = hn::Mul(most, scale);
  const auto shrink = exp32(hn::Sub(hn::Mul(before, scale), shift));
  hn::StoreU(shrink, d, progress.shrink + at);
  hn::Vec<D> totals[kHalves];
  for (size_t h = 0; h < kHalves; ++h) {
    totals[h] = hn::Mul(hn::LoadU(D(), progress.total + half(at, h)),
                        promoted(progress.shrink + half(at, h)));
  }
  for (size_t j = 0; j < block.count; ++j) {
    float* const to = block.scores + j * block.wide + at;
    auto p = exp32(hn::MulSub(hn::LoadU(d, to), scale, shift));
    if constexpr (kIsEdge) p = hn::IfThenElseZero(sight.of(j), p);
    hn::StoreU(p, d, to);
    for (size_t h = 0; h < kHalves; ++h) {
      totals[h] = hn::Add(totals[h], promoted(half(to, h)));
    }
  }
  hn::StoreU(most, d, progress.most + at);
  for (size_t h = 0; h < kHalves; ++h) hn::StoreU(totals[h], D(), progress.total + half(at, h));
}

// The same of half a vector's rows where a cap bends z, in float64.
template <bool kIsEdge>
HWY_INLINE void exponentiate_capped(const graph::Attention& op, const Block& block, size_t at,
                                    Progress& progress) {
  const HalfF d;
  const Sight<HalfF> sight(block, at);
  const auto before = hn::LoadU(d, progress.most + at);
  const auto most = largest<kIsEdge>(block, sight, at, before);
  const auto shift = shift_of(op, most);
  const auto shrink = exp64(hn::Sub(scaled_and_capped(op, hn::PromoteTo(D(), before)), shift));
  auto total = hn::Mul(hn::LoadU(D(), progress.total + at), shrink);
  for (size_t j = 0; j < block.count; ++j) {
    float* const to = block.scores + j * block.wide + at;
    const auto z = scaled_and_capped(op, hn::PromoteTo(D(), hn::LoadU(d, to)));
    auto p = hn::DemoteTo(d, exp64(hn::Sub(z, shift)));
    if constexpr (kIsEdge) p = hn::IfThenElseZero(sight.of(j), p);
    total = hn::Add(total, hn::PromoteTo(D(), p));
    hn::StoreU(p, d, to);
  }
  hn::StoreU(most, d, progress.most + at);
  hn::StoreU(total, D(), progress.total + at);
  hn::StoreU(hn::DemoteTo(d, shrink), d, progress.shrink + at);
}

template <bool kIsEdge>
HWY_INLINE void exponentiate_rows(const graph::Attention& op, const Block& block,
                                  Progress& progress) {
  if (op.soft_cap > 0.0) {
    for (size_t at = 0; at < block.wide; at += hn::Lanes(HalfF())) {
      exponentiate_capped<kIsEdge>(op, block, at, progress);
    }
  } else {
    for (size_t at = 0; at < block.wide; at += hn::Lanes(F())) {
      exponentiate_scaled<kIsEdge>(static_cast<float>(op.scale), block, at, progress);
    }
  }
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
