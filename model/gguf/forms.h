// How the tensors of a GGUF file decode themselves, and the orders in which llama.cpp's converter
// lays them out.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/gguf/types.h"
#include "model/weights/stored_form.h"

namespace plumb::model {

using FormPtr = std::shared_ptr<const StoredForm>;

// A tensor of blocks, times what `scale` holds where there is one: a number for all, or one for
// each slice of the first axis. Throws InputError for a type that holds no weights.
class GgufForm : public RowForm {
 public:
  GgufForm(const RawTensor& tensor, const RawTensor* scale);

  std::string describe() const override;
  void check() const override;

 protected:
  void decode_row(int64_t row, int64_t first, std::span<double> out) const override;

 private:
  RawTensor tensor_;
  const base::GgmlType* type_;
  std::vector<double> scales_;  // empty: 1
  int64_t rows_per_scale_ = 0;
};

// Plain types as they lie, all others as blocks.
FormPtr open_gguf_tensor(const RawTensor& tensor, const RawTensor* scale);

// Heads that the family counts [outer][inner] and the file holds [inner][outer], `width` elements
// each, from `begin` on along an axis; what lies before is as it is.
struct Tiling {
  int axis = 0;  // 0: rows; 1: columns
  int64_t begin = 0;
  int64_t outer = 1;
  int64_t inner = 1;
  int64_t width = 1;
};
FormPtr untiled(FormPtr stored, const Tiling& tiling);

// [heads * rows, columns] of a file's [heads, rows, columns], or of its [heads, columns, rows].
FormPtr joined_heads(FormPtr stored, bool transposed);

// ln(-x): what the file holds is -exp of what the family names.
FormPtr log_of_negative(FormPtr stored);

// Numbers of the metadata as a vector.
FormPtr from_values(std::vector<double> values, std::string described);

}  // namespace plumb::model
