// How the tensors of a GGUF file decode themselves, and the orders in which llama.cpp's converter
// lays them out.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
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
  Storage storage() const override { return {.ggml = type_->name}; }
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

  // Where the family's index along the axis lies in the file.
  int64_t stored_index(int64_t index) const;
};

// How a file lays a tensor out otherwise than the family.
struct GgufLayout {
  // A matrix of heads is a stack of them, each as it is or transposed.
  enum class Heads : uint8_t { kJoined, kApart, kTransposed };

  std::optional<Tiling> tiling = std::nullopt;
  Heads heads = Heads::kJoined;
  int64_t head_count = 0;
  bool negative_exp = false;  // the file holds -exp of what the family has
};

// The family's tensor. Throws InputError naming `tensor` where what is stored has no such shape.
FormPtr arranged(FormPtr stored, const GgufLayout& layout, const RawTensor& tensor);

// The other way: values of the family's tensor, and its shape, become the file's.
void arrange(std::vector<double>& values, std::vector<int64_t>& shape, const GgufLayout& layout);

// Numbers of the metadata as a vector.
FormPtr from_values(std::vector<double> values, std::string described);

}  // namespace plumb::model
