#include "candidates/cpu/products/gemm.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "candidates/cpu/products/gemm_bf16.h"
#include "candidates/cpu/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/products/gemm.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/simd/dots-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

// What the registers hold beside a panel's vectors and a weight.
constexpr size_t kColumns = HWY_TARGET == HWY_AVX3 ? 8 : 4;

template <size_t kVectors, bool kByDepth>
HWY_INLINE void sum_up(const float* x, const float* w, size_t w_stride, size_t depth, float* c,
                       size_t c_stride, bool first) {
  const F d;
  const size_t lanes = hn::Lanes(d);
  hn::Vec<F> sums[kColumns][kVectors];
  for (size_t j = 0; j < kColumns; ++j) {
    for (size_t v = 0; v < kVectors; ++v) {
      sums[j][v] = first ? hn::Zero(d) : hn::LoadU(d, c + j * c_stride + v * lanes);
    }
  }
  for (size_t k = 0; k < depth; ++k, x += kVectors * lanes) {
    hn::Vec<F> from_x[kVectors];
    for (size_t v = 0; v < kVectors; ++v) from_x[v] = hn::LoadU(d, x + v * lanes);
    for (size_t j = 0; j < kColumns; ++j) {
      const auto from_w = hn::Set(d, kByDepth ? w[k * w_stride + j] : w[j * w_stride + k]);
      for (size_t v = 0; v < kVectors; ++v) sums[j][v] = hn::MulAdd(from_x[v], from_w, sums[j][v]);
    }
  }
  for (size_t j = 0; j < kColumns; ++j) {
    for (size_t v = 0; v < kVectors; ++v) hn::StoreU(sums[j][v], d, c + j * c_stride + v * lanes);
  }
}

template <bool kByDepth>
void run(const float* x, size_t vectors, const float* w, size_t w_stride, size_t depth, float* c,
         size_t c_stride, bool first) {
  static_assert(kPanelVectors == 3);
  if (vectors == 3) return sum_up<3, kByDepth>(x, w, w_stride, depth, c, c_stride, first);
  if (vectors == 2) return sum_up<2, kByDepth>(x, w, w_stride, depth, c, c_stride, first);
  sum_up<1, kByDepth>(x, w, w_stride, depth, c, c_stride, first);
}

GemmKernel f32_kernel() {
  return {hn::Lanes(F()), kColumns, false, target_name(), run<false>, run<true>};
}

// Four rows of four numbers become four columns.
HWY_INLINE void transpose_4x4(const float* from, size_t from_stride, float* to, size_t to_stride) {
#if HWY_TARGET == HWY_SCALAR
  for (size_t i = 0; i < 4; ++i) {
    for (size_t j = 0; j < 4; ++j) to[j * to_stride + i] = from[i * from_stride + j];
  }
#else
  const hn::Full128<float> d;
  const hn::Full128<uint64_t> wide;
  const auto r0 = hn::LoadU(d, from);
  const auto r1 = hn::LoadU(d, from + from_stride);
  const auto r2 = hn::LoadU(d, from + 2 * from_stride);
  const auto r3 = hn::LoadU(d, from + 3 * from_stride);
  const auto low01 = hn::BitCast(wide, hn::InterleaveLower(d, r0, r1));
  const auto low23 = hn::BitCast(wide, hn::InterleaveLower(d, r2, r3));
  const auto high01 = hn::BitCast(wide, hn::InterleaveUpper(d, r0, r1));
  const auto high23 = hn::BitCast(wide, hn::InterleaveUpper(d, r2, r3));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(wide, low01, low23)), d, to);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(wide, low01, low23)), d, to + to_stride);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(wide, high01, high23)), d, to + 2 * to_stride);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(wide, high01, high23)), d, to + 3 * to_stride);
#endif
}

// to[j, i] = from[i, j], i < rows, begin <= j < end
HWY_INLINE void transpose_columns(const float* from, size_t from_stride, size_t rows, size_t begin,
                                  size_t end, float* to, size_t to_stride) {
  size_t i = 0;
  for (; i + 4 <= rows; i += 4) {
    const float* const four = from + i * from_stride;
    size_t j = begin;
    for (; j + 4 <= end; j += 4) {
      transpose_4x4(four + j, from_stride, to + j * to_stride + i, to_stride);
    }
    for (; j < end; ++j) {
      for (size_t n = 0; n < 4; ++n) to[j * to_stride + i + n] = four[n * from_stride + j];
    }
  }
  for (; i < rows; ++i) {
    for (size_t j = begin; j < end; ++j) to[j * to_stride + i] = from[i * from_stride + j];
  }
}

// to[j, i] = from[i, j], i < rows, j < columns; a cache line's columns at a time, so that few rows
// of the result are written at once.
void transpose_all(const float* from, size_t from_stride, size_t rows, size_t columns, float* to,
                   size_t to_stride) {
  constexpr size_t kLine = kAlignment / sizeof(float);
  for (size_t j = 0; j < columns; j += kLine) {
    transpose_columns(from, from_stride, rows, j, std::min(j + kLine, columns), to, to_stride);
  }
}

void widen_row(const uint16_t* w, size_t n, float* out) {
  const size_t lanes = hn::Lanes(F());
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(load_weights(w + i), F(), out + i);
  for (; i < n; ++i) out[i] = load_weight(w + i);
}

void add_bias(const float* bias, float* y, size_t n) {
  map(
      F(), n, y, [](auto v, auto b) HWY_ATTR { return hn::Add(v, b); }, y, bias);
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(f32_kernel);
HWY_EXPORT(transpose_all);
HWY_EXPORT(widen_row);
HWY_EXPORT(add_bias);

namespace {

// Elements of depth that are summed up at a time: a panel of them stays in the nearest cache but
// one, the weights of a tile beside it.
constexpr size_t kDepth = 384;
// Strides that are no power of two: columns would otherwise meet in one set of the cache.
constexpr size_t kWeightStride = kDepth + 16;
constexpr size_t kSumStride = kGemmRows + 16;

// A block of the tile's weights as elements of the kernel, [columns, kWeightStride]; columns that
// the tile does not have are zero.
void gather_weights(const GemmKernel& kernel, const GemmTile& tile, size_t begin, size_t count,
                    float* out) {
  size_t j = 0;
  for (; j < tile.columns; ++j, out += kWeightStride) {
    const size_t row = tile.first_column + j;
    if (!tile.weight->is_bf16()) {
      std::copy_n(tile.weight->f32(row) + begin, count, out);
    } else if (kernel.takes_pairs) {
      std::memcpy(out, tile.weight->bf16(row) + 2 * begin, count * sizeof(float));
    } else {
      HWY_DYNAMIC_DISPATCH(widen_row)(tile.weight->bf16(row) + begin, count, out);
    }
  }
  for (; j % kernel.columns != 0; ++j, out += kWeightStride) std::fill_n(out, count, 0.0f);
}

// The sums of a tile, [columns, kSumStride], by a block of depth.
void add_block(const GemmKernel& kernel, const GemmTile& tile, size_t depth, size_t begin,
               size_t count, const float* weights, float* sums) {
  const size_t rows = whole_vectors(kernel, tile.rows);
  for (size_t r = 0; r < rows; r += panel_rows(kernel)) {
    const size_t first = tile.first_row + r;
    const size_t wide = std::min(panel_rows(kernel), whole_vectors(kernel, tile.all_rows) - first);
    const float* const x = tile.packed + first * depth + begin * wide;
    for (size_t j = 0; j < tile.columns; j += kernel.columns) {
      kernel.run(x, wide / kernel.lanes, weights + j * kWeightStride, kWeightStride, count,
                 sums + j * kSumStride + r, kSumStride, begin == 0);
    }
  }
}

}  // namespace

GemmKernel gemm_kernel(bool in_bf16, size_t depth) {
  if (in_bf16 && depth % 2 == 0 && multiplies_bf16()) return bf16_kernel();
  return f32_gemm_kernel();
}

GemmKernel f32_gemm_kernel() {
  return HWY_DYNAMIC_DISPATCH(f32_kernel)();
}

void transpose(const float* from, size_t from_stride, size_t rows, size_t columns, float* to,
               size_t to_stride) {
  HWY_DYNAMIC_DISPATCH(transpose_all)(from, from_stride, rows, columns, to, to_stride);
}

void pack_panel(const GemmKernel& kernel, const float* x, size_t rows, size_t depth, size_t first,
                float* packed, float* scratch) {
  const size_t count = std::min(panel_rows(kernel), rows - first);
  const size_t wide = std::min(panel_rows(kernel), whole_vectors(kernel, rows) - first);
  const size_t width = elements(kernel, depth);
  const float* from = x + first * depth;
  if (kernel.takes_pairs) {
    to_bf16(from, count * depth, reinterpret_cast<uint16_t*>(scratch));
    from = scratch;
  }
  float* const to = packed + first * width;
  transpose(from, width, count, width, to, wide);
  for (size_t k = 0; count < wide && k < width; ++k) {
    std::fill(to + k * wide + count, to + (k + 1) * wide, 0.0f);
  }
}

void run_gemm_tile(const GemmKernel& kernel, const GemmTile& tile, float* scratch) {
  float* const weights = scratch;
  float* const sums = scratch + kGemmColumns * kWeightStride;
  const size_t depth = elements(kernel, tile.weight->columns());
  for (size_t begin = 0; begin < depth; begin += kDepth) {
    const size_t count = std::min(kDepth, depth - begin);
    gather_weights(kernel, tile, begin, count, weights);
    add_block(kernel, tile, depth, begin, count, weights, sums);
  }
  transpose(sums, kSumStride, tile.columns, tile.rows, tile.y, tile.y_stride);
  for (size_t t = 0; tile.bias != nullptr && t < tile.rows; ++t) {
    HWY_DYNAMIC_DISPATCH(add_bias)(tile.bias, tile.y + t * tile.y_stride, tile.columns);
  }
}

size_t gemm_scratch(size_t depth) {
  // Of a panel's rows as pairs of bfloat16, or of a tile's weights and sums.
  constexpr size_t kMostPanelRows = kPanelVectors * kAlignment / sizeof(float);
  return std::max(kMostPanelRows * depth / 2, kGemmColumns * (kWeightStride + kSumStride));
}

}  // namespace plumb::candidates::cpu
#endif
