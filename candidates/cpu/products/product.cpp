#include "candidates/cpu/products/product.h"

#include <algorithm>
#include <array>
#include <memory_resource>
#include <vector>

#include "candidates/cpu/products/gemm.h"
#include "candidates/cpu/products/gemm_bf16.h"
#include "candidates/cpu/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/products/product.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/simd/dots-inl.h"

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

const char* product_target() {
  return target_name();
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(dots);
HWY_EXPORT(product_target);

namespace {

constexpr size_t kFewRows = 8;                 // up to so many, or so many columns, by dots;
constexpr size_t kFewColumns = 16;             // beyond, by gemm
constexpr size_t kDotRows = 64;                // of a tile of dots
constexpr size_t kDotBytes = size_t{1} << 17;  // of its weights: a quarter of a small L2

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

GemmKernel kernel_of(const Product& p) {
  return gemm_kernel(p.weight->multiplies_in_bf16(), p.weight->columns());
}

// Rows of x that products of one job share, packed.
struct Pack {
  Pack(const Product& p, size_t start)
      : kernel(kernel_of(p)), x(p.x), rows(p.rows), depth(p.weight->columns()), at(start) {}

  size_t size() const { return whole_vectors(kernel, rows) * elements(kernel, depth); }
  size_t panels() const { return pieces_of(rows, panel_rows(kernel)); }
  bool serves(const Product& p) const {
    return x == p.x && rows == p.rows && depth == p.weight->columns() &&
           kernel.takes_pairs == kernel_of(p).takes_pairs;
  }

  GemmKernel kernel;
  const float* x;
  size_t rows;
  size_t depth;
  size_t at;  // where it begins in the scratch memory
};

// The products of a job, the packs that they need, and how all of them are numbered.
class Job {
 public:
  Job(std::span<const Product> products, std::pmr::memory_resource& memory)
      : products_(products), packs_(&memory), ends_(&memory), pack_of_(&memory) {
    ends_.reserve(products.size());
    pack_of_.reserve(products.size());
    for (const Product& p : products) {
      tiles_ += Cut(p).tiles();
      ends_.push_back(tiles_);
      pack_of_.push_back(by_dots(p) ? 0 : pack_for(p));
    }
  }

  size_t tiles() const { return tiles_; }
  size_t panels() const { return panels_; }
  size_t packed_floats() const { return packed_floats_; }

  void pack(size_t panel, float* packed, float* scratch) const {
    size_t i = 0;
    for (; panel >= packs_[i].panels(); ++i) panel -= packs_[i].panels();
    const Pack& pack = packs_[i];
    pack_panel(pack.kernel, pack.x, pack.rows, pack.depth, panel * panel_rows(pack.kernel),
               packed + pack.at, scratch);
  }

  void run(size_t index, const float* packed, float* scratch) const {
    const auto end = std::upper_bound(ends_.begin(), ends_.end(), index);
    const auto i = static_cast<size_t>(end - ends_.begin());
    const Product& p = products_[i];
    const Tile tile = Cut(p).tile(index - (i == 0 ? 0 : ends_[i - 1]));
    if (by_dots(p)) return HWY_DYNAMIC_DISPATCH(dots)(p, tile);
    const Pack& pack = packs_[pack_of_[i]];
    run_gemm_tile(pack.kernel,
                  {.packed = packed + pack.at,
                   .all_rows = p.rows,
                   .first_row = tile.row,
                   .rows = tile.rows,
                   .weight = p.weight,
                   .first_column = p.first + tile.column,
                   .columns = tile.columns,
                   .bias = p.bias == nullptr ? nullptr : p.bias + tile.column,
                   .y = p.y + tile.row * p.y_stride + tile.column,
                   .y_stride = p.y_stride},
                  scratch);
  }

 private:
  size_t pack_for(const Product& p) {
    for (size_t i = 0; i < packs_.size(); ++i) {
      if (packs_[i].serves(p)) return i;
    }
    packs_.emplace_back(p, packed_floats_);
    packed_floats_ += packs_.back().size();
    panels_ += packs_.back().panels();
    return packs_.size() - 1;
  }

  std::span<const Product> products_;
  std::pmr::vector<Pack> packs_;
  std::pmr::vector<size_t> ends_;     // of the tiles of each product
  std::pmr::vector<size_t> pack_of_;  // each product
  size_t tiles_ = 0;
  size_t panels_ = 0;
  size_t packed_floats_ = 0;
};

}  // namespace

void multiply(std::span<const Product> products, const base::Threads& threads, Scratch& scratch) {
  std::array<std::byte, 4096> memory;  // of the lists of a few products
  std::pmr::monotonic_buffer_resource resource(memory.data(), memory.size());
  const Job job(products, resource);
  float* const packed = scratch.packed(job.packed_floats());
  threads.for_each_on_worker(job.panels(), [&](size_t panel, size_t worker) {
    job.pack(panel, packed, scratch.of_worker(worker));
  });
  threads.for_each_on_worker(job.tiles(), [&](size_t tile, size_t worker) {
    job.run(tile, packed, scratch.of_worker(worker));
  });
}

Ran ran_by(const Product& p) {
  if (by_dots(p)) {
    return {p.weight->is_bf16() ? "dots bf16" : "dots f32", HWY_DYNAMIC_DISPATCH(product_target)()};
  }
  const GemmKernel kernel = kernel_of(p);
  if (kernel.takes_pairs) return {"gemm bf16", kernel.target};
  return {p.weight->is_bf16() ? "gemm of widened bf16" : "gemm f32", kernel.target};
}

size_t product_scratch(const Weight& weight) {
  return gemm_scratch(weight.columns());
}

}  // namespace plumb::candidates::cpu
#endif
