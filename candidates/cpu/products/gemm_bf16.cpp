#include "candidates/cpu/products/gemm_bf16.h"

#include <immintrin.h>

#include "candidates/cpu/simd/targets.h"

namespace plumb::candidates::cpu {
namespace {

constexpr size_t kLanes = 16;
constexpr size_t kColumns = 8;

}  // namespace

}  // namespace plumb::candidates::cpu

// GCC 12 takes what its own intrinsics leave undefined on purpose for a fault.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma")

namespace plumb::candidates::cpu {
namespace {

__m512bh pairs(__m512i bits) {
  return reinterpret_cast<__m512bh>(bits);
}

template <size_t kVectors>
[[gnu::always_inline]] inline void sum_up(const float* x, const float* w, size_t w_stride,
                                          size_t depth, float* c, size_t c_stride, bool first) {
  __m512 sums[kColumns][kVectors];
  for (size_t j = 0; j < kColumns; ++j) {
    for (size_t v = 0; v < kVectors; ++v) {
      sums[j][v] = first ? _mm512_setzero_ps() : _mm512_loadu_ps(c + j * c_stride + v * kLanes);
    }
  }
  for (size_t k = 0; k < depth; ++k, x += kVectors * kLanes) {
    __m512i from_x[kVectors];
    for (size_t v = 0; v < kVectors; ++v) from_x[v] = _mm512_loadu_si512(x + v * kLanes);
    for (size_t j = 0; j < kColumns; ++j) {
      const __m512i from_w = _mm512_castps_si512(_mm512_set1_ps(w[j * w_stride + k]));
      for (size_t v = 0; v < kVectors; ++v) {
        sums[j][v] = _mm512_dpbf16_ps(sums[j][v], pairs(from_x[v]), pairs(from_w));
      }
    }
  }
  for (size_t j = 0; j < kColumns; ++j) {
    for (size_t v = 0; v < kVectors; ++v) {
      _mm512_storeu_ps(c + j * c_stride + v * kLanes, sums[j][v]);
    }
  }
}

void run_pairs(const float* x, size_t vectors, const float* w, size_t w_stride, size_t depth,
               float* c, size_t c_stride, bool first) {
  static_assert(kPanelVectors == 3);
  if (vectors == 3) return sum_up<3>(x, w, w_stride, depth, c, c_stride, first);
  if (vectors == 2) return sum_up<2>(x, w, w_stride, depth, c, c_stride, first);
  sum_up<1>(x, w, w_stride, depth, c, c_stride, first);
}

}  // namespace

void to_bf16(const float* x, size_t n, uint16_t* out) {
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const auto rounded = reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(_mm512_loadu_ps(x + i)));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i), rounded);
  }
  if (i == n) return;
  const auto mask = static_cast<__mmask16>((1U << (n - i)) - 1);
  const __m512 rest = _mm512_maskz_loadu_ps(mask, x + i);
  _mm256_mask_storeu_epi16(out + i, mask, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(rest)));
}

GemmKernel bf16_kernel() {
  return {kLanes, kColumns, true, kBf16Target, run_pairs, nullptr};
}

}  // namespace plumb::candidates::cpu

#pragma GCC pop_options
