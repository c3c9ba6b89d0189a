#include "candidates/cpu/products/weight.h"

#include <algorithm>
#include <bit>

#include "base/errors.h"

namespace plumb::candidates::cpu {
namespace {

using base::DType;

constexpr size_t kElementsOfAPiece = size_t{1} << 16;

// The bytes in the file when they can be read as T where they are; an odd offset cannot.
template <class T>
const T* in_place(const model::WeightView& view, DType dtype) {
  const std::byte* bytes = view.dtype() == dtype ? view.contiguous() : nullptr;
  if (reinterpret_cast<uintptr_t>(bytes) % alignof(T) != 0) return nullptr;
  return reinterpret_cast<const T*>(bytes);
}

// Calls body(first row, rows) for pieces of the weight.
template <class Body>
void for_pieces(const model::WeightView& view, const base::Threads& threads, Body&& body) {
  const size_t grain = std::max<size_t>(1, kElementsOfAPiece / view.columns());
  threads.for_ranges(view.rows(), grain,
                     [&](size_t begin, size_t end) { body(begin, end - begin); });
}

// To nearest, ties to even; a NaN stays one.
uint16_t bf16_from_float(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return static_cast<uint16_t>((bits >> 16) | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// Rows as bfloat16. Float64 is rounded at once: rounding twice would not be rounding to nearest.
void read_bf16(const model::WeightView& view, size_t first, size_t count, uint16_t* out) {
  if (view.dtype() == DType::kF64) {
    std::vector<double> wide(count * view.columns());
    view.widen(first, count, wide);
    std::transform(wide.begin(), wide.end(), out, base::bf16_from_double);
  } else {
    std::vector<float> wide(count * view.columns());
    view.to_float(first, count, wide);
    std::transform(wide.begin(), wide.end(), out, bf16_from_float);
  }
}

}  // namespace

Weight::Weight(const model::WeightView& view, WeightForm form, DType precision,
               const base::Threads& threads, Storage storage)
    : rows_(view.rows()),
      columns_(view.columns()),
      multiplies_in_bf16_(form == WeightForm::kMatrix && precision == DType::kBF16) {
  base::ensure(precision == DType::kF32 || precision == DType::kBF16,
               "an engine's precision is float32 or bfloat16");
  if (form == WeightForm::kMatrix && (multiplies_in_bf16_ || storage == Storage::kCompact)) {
    bf16_ = in_place<uint16_t>(view, DType::kBF16);
  }
  if (bf16_ == nullptr && !multiplies_in_bf16_) f32_ = in_place<float>(view, DType::kF32);
  if (bf16_ != nullptr || f32_ != nullptr) return;
  if (multiplies_in_bf16_) {
    store_bf16(view, threads);
  } else {
    store_f32(view, threads);
  }
}

void Weight::store_f32(const model::WeightView& view, const base::Threads& threads) {
  auto& values = owned_.emplace<Buffer<float>>(rows_ * columns_);
  for_pieces(view, threads, [&](size_t first, size_t count) {
    view.to_float(first, count, {&values[first * columns_], count * columns_});
  });
  f32_ = values.data();
}

void Weight::store_bf16(const model::WeightView& view, const base::Threads& threads) {
  auto& values = owned_.emplace<Buffer<uint16_t>>(rows_ * columns_);
  for_pieces(view, threads, [&](size_t first, size_t count) {
    read_bf16(view, first, count, &values[first * columns_]);
  });
  bf16_ = values.data();
}

void Weight::widen(size_t first, size_t count, float* out) const {
  if (is_bf16()) {
    std::transform(bf16(first), bf16(first + count), out, base::bf16_to_float);
  } else {
    std::copy(f32(first), f32(first + count), out);
  }
}

}  // namespace plumb::candidates::cpu
