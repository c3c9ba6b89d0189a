#include "candidates/cpu/ops/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/ops/rope.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

// How the pairs of a rotated part lie in memory, `half` of them.
struct Halves {  // (i, i + half)
  template <class Tag>
  static HWY_INLINE void load(Tag d, const float* x, size_t i, size_t half, hn::Vec<Tag>& first,
                              hn::Vec<Tag>& second) {
    first = hn::LoadU(d, x + i);
    second = hn::LoadU(d, x + half + i);
  }
  template <class Tag>
  static HWY_INLINE void store(Tag d, hn::Vec<Tag> first, hn::Vec<Tag> second, float* y, size_t i,
                               size_t half) {
    hn::StoreU(first, d, y + i);
    hn::StoreU(second, d, y + half + i);
  }
};
struct Interleaved {  // (2i, 2i + 1)
  template <class Tag>
  static HWY_INLINE void load(Tag d, const float* x, size_t i, size_t, hn::Vec<Tag>& first,
                              hn::Vec<Tag>& second) {
    hn::LoadInterleaved2(d, x + 2 * i, first, second);
  }
  template <class Tag>
  static HWY_INLINE void store(Tag d, hn::Vec<Tag> first, hn::Vec<Tag> second, float* y, size_t i,
                               size_t) {
    hn::StoreInterleaved2(first, second, d, y + 2 * i);
  }
};

// (x_i, x_j) -> (x_i cos - x_j sin, x_j cos + x_i sin) for the pairs from `i` on that fill vectors
// of `Tag`; returns the first that is left.
template <class From, class To, class Tag>
HWY_INLINE size_t rotate_pairs(Tag d, const float* x, const float* cos, const float* sin, float* y,
                               size_t i, size_t half) {
  const size_t lanes = hn::Lanes(d);
  for (; i + lanes <= half; i += lanes) {
    const auto c = hn::LoadU(d, cos + i);
    const auto s = hn::LoadU(d, sin + i);
    hn::Vec<Tag> first;
    hn::Vec<Tag> second;
    From::load(d, x, i, half, first, second);
    To::store(d, hn::NegMulAdd(second, s, hn::Mul(first, c)),
              hn::MulAdd(first, s, hn::Mul(second, c)), y, i, half);
  }
  return i;
}

using Rotation = void (*)(const float* x, const float* cos, const float* sin, float* y,
                          size_t half);

template <class From, class To>
void rotate(const float* x, const float* cos, const float* sin, float* y, size_t half) {
  const size_t done = rotate_pairs<From, To>(F(), x, cos, sin, y, 0, half);
  rotate_pairs<From, To>(hn::CappedTag<float, 1>(), x, cos, sin, y, done, half);
}

Rotation rotation_of(model::RopePairs pairs) {
  switch (pairs) {
    case model::RopePairs::kHalves:
      return rotate<Halves, Halves>;
    case model::RopePairs::kInterleaved:
      return rotate<Interleaved, Interleaved>;
    case model::RopePairs::kInterleavedToHalves:
      return rotate<Interleaved, Halves>;
  }
  HWY_ABORT("a rope pairs its dimensions in one of three ways");
}

Ran rope(const graph::Rope& op, const Context& context) {
  const auto dim = static_cast<size_t>(op.head_dim);
  const auto heads = static_cast<size_t>(op.heads);
  const auto offset = static_cast<size_t>(op.rope.rotary_offset);
  const RopeTables::Table& table = context.ropes.get(op.rope, context.threads);
  const Rotation rotation = rotation_of(op.rope.pairs);
  for_rows(context, [&](size_t begin, size_t end) {
    for (size_t t = begin; t < end; ++t) {
      for (size_t h = 0; h < heads; ++h) {
        const float* const x = context.in[0].row(t) + h * dim;
        float* const y = context.out[0].row(t) + h * dim;
        std::copy(x, x + offset, y);
        rotation(x + offset, table.cos(t), table.sin(t), y + offset, table.half);
        const size_t rotated = offset + 2 * table.half;
        std::copy(x + rotated, x + dim, y + rotated);
      }
    }
  });
  return {"rows", target_name()};
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(rope);

Ran compute(const graph::Rope& op, const Context& context) {
  return HWY_DYNAMIC_DISPATCH(rope)(op, context);
}

}  // namespace plumb::candidates::cpu
#endif
