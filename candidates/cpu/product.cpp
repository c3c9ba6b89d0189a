#include "candidates/cpu/product.h"

#include <cblas.h>

#include <algorithm>
#include <bit>
#include <vector>

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
HWY_INLINE void dots_of(const Product& p, const Tile& tile, const W* w) {
  const size_t inner = p.weight->columns();
  const float* const bias = p.bias == nullptr ? nullptr : p.bias + tile.column;
  const Strides stride{.x = inner, .w = inner, .y = p.y_stride};
  const float* x = p.x + tile.row * inner;
  float* y = p.y + tile.row * p.y_stride + tile.column;
  size_t left = tile.rows;
  for (; left >= 2; left -= 2, x += 2 * inner, y += 2 * p.y_stride) {
    dot_rows<2>(x, w, tile.columns, inner, bias, y, stride);
  }
  if (left == 1) dot_rows<1>(x, w, tile.columns, inner, bias, y, stride);
}

void dots(const Product& p, const Tile& tile) {
  if (p.weight->is_bf16()) {
    dots_of(p, tile, p.weight->bf16(p.first + tile.column));
  } else {
    dots_of(p, tile, p.weight->f32(p.first + tile.column));
  }
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

constexpr size_t kFewRows = 8;                 // up to so many, or so many columns, by dots;
constexpr size_t kFewColumns = 16;             // beyond, by sgemm
constexpr size_t kDotRows = 64;                // of a tile of dots
constexpr size_t kDotBytes = size_t{1} << 17;  // of its weights: a quarter of a small L2
constexpr size_t kGemmRows = 512;              // of a tile of sgemm
constexpr size_t kGemmColumns = 128;  // many tiles, and within 6% of the best rate measured

bool by_dots(const Product& p) {
  return p.rows <= kFewRows || p.columns <= kFewColumns;
}

size_t pieces_of(size_t total, size_t piece) {
  return (total + piece - 1) / piece;
}

// How one product is cut into tiles.
class Cut {
 public:
  explicit Cut(const Product& p) : product_(p) {
    if (by_dots(p)) {
      const size_t bytes = p.weight->columns() * (p.weight->is_bf16() ? 2 : 4);
      columns_ = std::max<size_t>(8, kDotBytes / bytes / 8 * 8);
      rows_ = kDotRows;
    }
    across_ = pieces_of(p.columns, columns_);
  }

  size_t tiles() const { return across_ * pieces_of(product_.rows, rows_); }
  Tile tile(size_t index) const {
    const size_t row = index / across_ * rows_;
    const size_t column = index % across_ * columns_;
    return {row, std::min(rows_, product_.rows - row), column,
            std::min(columns_, product_.columns - column)};
  }

 private:
  const Product& product_;
  size_t rows_ = kGemmRows;
  size_t columns_ = kGemmColumns;
  size_t across_;
};

void gemm(const Product& p, const Tile& tile, float* panel) {
  const size_t inner = p.weight->columns();
  const size_t first = p.first + tile.column;
  if (p.weight->is_bf16()) {
    HWY_DYNAMIC_DISPATCH(widen)(p.weight->bf16(first), tile.columns * inner, panel);
  }
  const float* const w = p.weight->is_bf16() ? panel : p.weight->f32(first);
  float* const y = p.y + tile.row * p.y_stride + tile.column;
  const auto k = static_cast<blasint>(inner);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<blasint>(tile.rows),
              static_cast<blasint>(tile.columns), k, 1.0f, p.x + tile.row * inner, k, w, k, 0.0f, y,
              static_cast<blasint>(p.y_stride));
  if (p.bias == nullptr) return;
  for (size_t r = 0; r < tile.rows; ++r) {
    for (size_t j = 0; j < tile.columns; ++j) y[r * p.y_stride + j] += p.bias[tile.column + j];
  }
}

void run_tile(const Product& p, const Tile& tile, float* panel) {
  if (by_dots(p)) {
    HWY_DYNAMIC_DISPATCH(dots)(p, tile);
  } else {
    gemm(p, tile, panel);
  }
}

Ran describe(const Product& p) {
  const bool narrow = p.weight->is_bf16();
  if (by_dots(p)) {
    return {narrow ? "dots bf16" : "dots f32", HWY_DYNAMIC_DISPATCH(product_target)()};
  }
  return {narrow ? "sgemm of widened bf16" : "sgemm", blas_name()};
}

}  // namespace

Ran multiply(std::span<const Product> products, const base::Threads& threads, Scratch& scratch) {
  if (products.empty()) return {};
  size_t tiles = 0;
  std::vector<size_t> ends;  // of the tiles of each product; a single one needs no list
  for (const Product& p : products) {
    tiles += Cut(p).tiles();
    if (products.size() > 1) ends.push_back(tiles);
  }
  threads.for_each_on_worker(tiles, [&](size_t piece, size_t worker) {
    const auto end = std::upper_bound(ends.begin(), ends.end(), piece);
    const Product& p = products[static_cast<size_t>(end - ends.begin())];
    const size_t before = end == ends.begin() ? 0 : *(end - 1);
    run_tile(p, Cut(p).tile(piece - before), scratch.of_worker(worker));
  });
  return describe(products.front());
}

size_t product_scratch(const Weight& weight) {
  return weight.is_bf16() ? kGemmColumns * weight.columns() : 0;
}

}  // namespace plumb::candidates::cpu
#endif
