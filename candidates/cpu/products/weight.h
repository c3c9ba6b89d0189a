// A weight as the engine's kernels read it: row-major in the engine's precision.
#pragma once

#include <cstdint>
#include <span>
#include <variant>

#include "base/dtype.h"
#include "base/parallel.h"
#include "candidates/cpu/simd/buffer.h"
#include "model/weights.h"

namespace plumb::candidates::cpu {

// What a weight is to the op that reads it.
enum class WeightForm : uint8_t {
  kMatrix,  // rows that are multiplied or looked up: in the engine's precision
  kValues,  // scales, biases, filters: in float32, as models keep them that store them so
};

// How an engine of float32 holds matrices of bfloat16. Products give the same bits either way.
enum class Storage : uint8_t {
  kCompact,  // as they lie in the checkpoint, widened as they are read: half the bytes
  kWidened,  // in float32: to compare with
};

// The checkpoint's own bytes are used in place where they are of the right type and lie plainly;
// else they are converted once, here. What the type (float32 or bfloat16) cannot hold is rounded to
// nearest: what an engine of that precision does on loading.
class Weight {
 public:
  Weight(const model::WeightView& view, WeightForm form, base::DType precision,
         const base::Threads& threads, Storage storage = Storage::kCompact);

  size_t rows() const { return rows_; }
  size_t columns() const { return columns_; }
  // What is held.
  bool is_bf16() const { return bf16_ != nullptr; }
  // Whether products with it may multiply in bfloat16: the engine's precision.
  bool multiplies_in_bf16() const { return multiplies_in_bf16_; }
  // Row `row` and all after it.
  const float* f32(size_t row) const { return f32_ + row * columns_; }
  const uint16_t* bf16(size_t row) const { return bf16_ + row * columns_; }
  // All of a weight of the form kValues, row-major.
  std::span<const float> values() const { return {f32_, rows_ * columns_}; }
  // Rows [first, first + count) in float32.
  void widen(size_t first, size_t count, float* out) const;

 private:
  void store_f32(const model::WeightView& view, const base::Threads& threads);
  void store_bf16(const model::WeightView& view, const base::Threads& threads);

  size_t rows_;
  size_t columns_;
  bool multiplies_in_bf16_;
  const float* f32_ = nullptr;      // one of the two is set
  const uint16_t* bf16_ = nullptr;  // and points into the file or into what is owned
  std::variant<Buffer<float>, Buffer<uint16_t>> owned_;
};

}  // namespace plumb::candidates::cpu
