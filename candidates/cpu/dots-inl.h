// Dot products of a few rows with many rows of a weight matrix.
#include <bit>
#include <cstdint>

#include "hwy/highway.h"

#if defined(PLUMB_CANDIDATES_CPU_DOTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_CANDIDATES_CPU_DOTS_INL_H_
#undef PLUMB_CANDIDATES_CPU_DOTS_INL_H_
#else
#define PLUMB_CANDIDATES_CPU_DOTS_INL_H_
#endif

#include "candidates/cpu/simd-inl.h"
#include "hwy/cache_control.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

// A vector of weights in float32, whatever their type of storage.
HWY_INLINE hn::Vec<F> load_weights(const float* w) {
  return hn::LoadU(F(), w);
}
HWY_INLINE hn::Vec<F> load_weights(const uint16_t* w) {
  const hn::Rebind<uint16_t, F> narrow;
  const hn::Rebind<uint32_t, F> wide;
  return hn::BitCast(F(), hn::ShiftLeft<16>(hn::PromoteTo(wide, hn::LoadU(narrow, w))));
}

inline float load_weight(const float* w) {
  return *w;
}
inline float load_weight(const uint16_t* w) {
  return std::bit_cast<float>(static_cast<uint32_t>(*w) << 16);
}

// Where the rows of the three matrices lie: their distances, in elements.
struct Strides {
  size_t x;
  size_t w;
  size_t y;
};

// y[r, j] = sum_k x[r, k] w[j, k] + bias[j] for kRows rows of x and kColumns of w, each sum in two
// vector accumulators; no bias where it is null. `ahead` are the rows of w that come next, fetched
// meanwhile: the processor's own prefetching starts anew at each short row. (plumb_bench --threads
// 1, decode/cpu-bf16/small: 20.8 ms without, 13.5 with.)
template <size_t kRows, size_t kColumns, class W>
HWY_INLINE void dot_tile(const float* x, const W* w, const W* ahead, size_t inner,
                         const float* bias, float* y, Strides stride) {
  const F d;
  const size_t lanes = hn::Lanes(d);
  hn::Vec<F> sums[2][kRows][kColumns];
  for (auto& half : sums) {
    for (auto& row : half) {
      for (auto& sum : row) sum = hn::Zero(d);
    }
  }
  size_t k = 0;
  for (; k + 2 * lanes <= inner; k += 2 * lanes) {
    for (size_t half = 0; half < 2; ++half) {
      const size_t at = k + half * lanes;
      hn::Vec<F> from_x[kRows];
      for (size_t r = 0; r < kRows; ++r) from_x[r] = hn::LoadU(d, x + r * stride.x + at);
      for (size_t j = 0; j < kColumns; ++j) {
        const auto from_w = load_weights(w + j * stride.w + at);
        hwy::Prefetch(ahead + j * stride.w + at);
        for (size_t r = 0; r < kRows; ++r) {
          sums[half][r][j] = hn::MulAdd(from_x[r], from_w, sums[half][r][j]);
        }
      }
    }
  }
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t j = 0; j < kColumns; ++j) {
      float sum = sum_of_lanes(d, hn::Add(sums[0][r][j], sums[1][r][j]));
      for (size_t i = k; i < inner; ++i) {
        sum += x[r * stride.x + i] * load_weight(w + j * stride.w + i);
      }
      y[r * stride.y + j] = bias == nullptr ? sum : sum + bias[j];
    }
  }
}

// The same for `columns` rows of w.
template <size_t kRows, class W>
HWY_INLINE void dot_rows(const float* x, const W* w, size_t columns, size_t inner,
                         const float* bias, float* y, Strides stride) {
  constexpr size_t kColumns = kRows == 1 ? 4 : 2;  // with two halves: 8 accumulators
  size_t j = 0;
  for (; j + kColumns <= columns; j += kColumns) {
    const W* const rows = w + j * stride.w;
    const W* const ahead = j + 2 * kColumns <= columns ? rows + kColumns * stride.w : rows;
    dot_tile<kRows, kColumns>(x, rows, ahead, inner, bias == nullptr ? nullptr : bias + j, y + j,
                              stride);
  }
  for (; j < columns; ++j) {
    const W* const row = w + j * stride.w;
    dot_tile<kRows, 1>(x, row, row, inner, bias == nullptr ? nullptr : bias + j, y + j, stride);
  }
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
