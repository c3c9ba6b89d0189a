#include "candidates/cpu/product.h"

#include <cblas.h>

#include <algorithm>
#include <bit>

#include "candidates/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/product.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/dots-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

// The rows of x two by two while the weights of the tile stay in the cache.
template <class W>
HWY_INLINE void dots_of(const Product& p, const W* w, size_t begin, size_t columns) {
  const size_t inner = p.weight->columns();
  const float* const bias = p.bias == nullptr ? nullptr : p.bias + begin;
  const Strides stride{.x = inner, .w = inner, .y = p.y_stride};
  float* const y = p.y + begin;
  size_t t = 0;
  for (; t + 2 <= p.rows; t += 2) {
    dot_rows<2>(p.x + t * inner, w, columns, inner, bias, y + t * p.y_stride, stride);
  }
  if (t < p.rows) {
    dot_rows<1>(p.x + t * inner, w, columns, inner, bias, y + t * p.y_stride, stride);
  }
}

// Columns [begin, begin + columns) of the product.
const char* dots(const Product& p, size_t begin, size_t columns) {
  if (p.weight->is_bf16()) {
    dots_of(p, p.weight->bf16(p.first + begin), begin, columns);
  } else {
    dots_of(p, p.weight->f32(p.first + begin), begin, columns);
  }
  return target_name();
}

void widen(const uint16_t* w, size_t n, float* out) {
  const size_t lanes = hn::Lanes(F());
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(load_weights(w + i), F(), out + i);
  for (; i < n; ++i) out[i] = load_weight(w + i);
}

const char* product_target() {
  return target_name();
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(dots);
HWY_EXPORT(widen);
HWY_EXPORT(product_target);

namespace {

constexpr size_t kFewRows = 8;         // up to so many, dots; beyond, sgemm
constexpr size_t kDotBytes = 1 << 17;  // weights of a piece of dots: a quarter of a small L2
constexpr size_t kGemmColumns = 128;  // of a tile of sgemm: many tiles, within 6% of the best rate
constexpr size_t kGemmRows = 512;

size_t pieces_of(size_t total, size_t piece) {
  return (total + piece - 1) / piece;
}

// How one product is cut into tiles.
struct Cut {
  explicit Cut(const Product& p) {
    if (p.rows <= kFewRows) {
      const size_t bytes = p.weight->columns() * (p.weight->is_bf16() ? 2 : 4);
      columns = std::max<size_t>(8, kDotBytes / bytes / 8 * 8);
      rows = p.rows;
    }
    column_tiles = pieces_of(p.columns, columns);
    tiles = p.rows == 0 ? 0 : column_tiles * pieces_of(p.rows, rows);
  }

  size_t columns = kGemmColumns;
  size_t rows = kGemmRows;
  size_t column_tiles = 0;
  size_t tiles = 0;
};

// Rows [t, t + rows), columns [begin, begin + columns) by sgemm.
void gemm(const Product& p, size_t t, size_t rows, size_t begin, size_t columns, float* panel) {
  const size_t inner = p.weight->columns();
  const float* w = nullptr;
  if (p.weight->is_bf16()) {
    HWY_DYNAMIC_DISPATCH(widen)(p.weight->bf16(p.first + begin), columns * inner, panel);
    w = panel;
  } else {
    w = p.weight->f32(p.first + begin);
  }
  float* const y = p.y + t * p.y_stride + begin;
  const auto k = static_cast<blasint>(inner);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<blasint>(rows),
              static_cast<blasint>(columns), k, 1.0f, p.x + t * inner, k, w, k, 0.0f, y,
              static_cast<blasint>(p.y_stride));
  if (p.bias == nullptr) return;
  for (size_t r = 0; r < rows; ++r) {
    for (size_t j = 0; j < columns; ++j) y[r * p.y_stride + j] += p.bias[begin + j];
  }
}

void run_tile(const Product& p, const Cut& cut, size_t tile, float* panel) {
  const size_t begin = tile % cut.column_tiles * cut.columns;
  const size_t columns = std::min(cut.columns, p.columns - begin);
  if (p.rows <= kFewRows) {
    HWY_DYNAMIC_DISPATCH(dots)(p, begin, columns);
  } else {
    const size_t t = tile / cut.column_tiles * cut.rows;
    gemm(p, t, std::min(cut.rows, p.rows - t), begin, columns, panel);
  }
}

Ran describe(const Product& p) {
  const bool narrow = p.weight->is_bf16();
  if (p.rows <= kFewRows) {
    return {narrow ? "dots bf16" : "dots f32", HWY_DYNAMIC_DISPATCH(product_target)()};
  }
  return {narrow ? "sgemm of widened bf16" : "sgemm", blas_name()};
}

}  // namespace

Ran multiply(std::span<const Product> products, const base::Threads& threads, Scratch& scratch) {
  size_t tiles = 0;
  for (const Product& p : products) tiles += Cut(p).tiles;
  threads.for_each_on_worker(tiles, [&](size_t piece, size_t worker) {
    for (const Product& p : products) {
      const Cut cut(p);
      if (piece < cut.tiles) return run_tile(p, cut, piece, scratch.of_worker(worker));
      piece -= cut.tiles;
    }
  });
  return products.empty() ? Ran{} : describe(products.front());
}

size_t product_scratch(const Weight& weight) {
  return weight.is_bf16() ? kGemmColumns * weight.columns() : 0;
}

}  // namespace plumb::candidates::cpu
#endif
