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

#include "candidates/cpu/simd/simd-inl.h"
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

// How far ahead of its use a weight is fetched. The processor's own prefetching starts anew at each
// page and each short row.
constexpr size_t kAheadBytes = 4096;

// y[r, j] = sum_k x[r, k] w[j, k] + bias[j] for kRows rows of x and kColumns of w, each sum in
// kParts vector accumulators; no bias where it is null.
template <size_t kRows, size_t kColumns, size_t kParts, class W>
HWY_INLINE void dot_tile(const float* x, const W* w, size_t inner, const float* bias, float* y,
                         Strides stride) {
  const F d;
  const size_t lanes = hn::Lanes(d);
  hn::Vec<F> sums[kParts][kRows][kColumns];
  for (auto& part : sums) {
    for (auto& row : part) {
      for (auto& sum : row) sum = hn::Zero(d);
    }
  }
  const auto add = [&](size_t at, auto& part) HWY_ATTR {
    hn::Vec<F> from_x[kRows];
    for (size_t r = 0; r < kRows; ++r) from_x[r] = hn::LoadU(d, x + r * stride.x + at);
    for (size_t j = 0; j < kColumns; ++j) {
      const W* const from = w + j * stride.w + at;
      const auto from_w = load_weights(from);
      hwy::Prefetch(from + kAheadBytes / sizeof(W));
      for (size_t r = 0; r < kRows; ++r) part[r][j] = hn::MulAdd(from_x[r], from_w, part[r][j]);
    }
  };
  size_t k = 0;
  for (; k + kParts * lanes <= inner; k += kParts * lanes) {
    for (size_t part = 0; part < kParts; ++part) add(k + part * lanes, sums[part]);
  }
  for (; k + lanes <= inner; k += lanes) add(k, sums[0]);
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t j = 0; j < kColumns; ++j) {
      auto all = sums[0][r][j];
      for (size_t part = 1; part < kParts; ++part) all = hn::Add(all, sums[part][r][j]);
      float sum = sum_of_lanes(d, all);
      for (size_t i = k; i < inner; ++i) {
        sum += x[r * stride.x + i] * load_weight(w + j * stride.w + i);
      }
      y[r * stride.y + j] = bias == nullptr ? sum : sum + bias[j];
    }
  }
}

// The same for `columns` rows of w: one by one for a single x, so that memory is read in one stream
// (plumb_bench --threads 2, decode/cpu-bf16/medium: 39.7 ms four by four, 33.9 one by one).
template <size_t kRows, class W>
HWY_INLINE void dot_rows(const float* x, const W* w, size_t columns, size_t inner,
                         const float* bias, float* y, Strides stride) {
  constexpr size_t kColumns = kRows == 1 ? 1 : 2;
  constexpr size_t kParts = kRows == 1 ? 4 : 2;
  const auto bias_at = [&](size_t j) { return bias == nullptr ? nullptr : bias + j; };
  size_t j = 0;
  for (; j + kColumns <= columns; j += kColumns) {
    dot_tile<kRows, kColumns, kParts>(x, w + j * stride.w, inner, bias_at(j), y + j, stride);
  }
  for (; j < columns; ++j) {
    dot_tile<kRows, 1, kParts>(x, w + j * stride.w, inner, bias_at(j), y + j, stride);
  }
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
