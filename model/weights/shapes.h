// Shapes and counts that stored forms require of their tensors.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/weights/raw_tensor.h"

namespace plumb::model {

std::string show(const std::vector<int64_t>& shape);

inline int64_t divide_up(int64_t a, int64_t b) {
  return a / b + (a % b != 0 ? 1 : 0);
}

int64_t product(const std::vector<int64_t>& extents);

// Each throws InputError naming the tensor that is otherwise; the first two give it back.
const RawTensor& require_rank(const RawTensor& tensor, size_t least, size_t most);
const RawTensor& require_dtype(const RawTensor& tensor, std::string_view dtype);
void require_shape(const RawTensor& tensor, const std::vector<int64_t>& shape,
                   const RawTensor& weight);
// Of a companion whose shape is written in several ways.
void require_count(const RawTensor& tensor, int64_t count, const RawTensor& weight);

// The columns of a matrix that words of 32 bits hold as a stream of `bits` an element. Throws
// InputError naming `tensor` where they are no whole number.
int64_t unpacked(const RawTensor& tensor, int64_t words, int bits);

}  // namespace plumb::model
