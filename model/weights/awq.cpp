#include "model/weights/awq.h"

#include <array>
#include <cstring>

#include "model/weights/shapes.h"

namespace plumb::model {
namespace {

constexpr int64_t kInWord = 8;
// At which nibble of its word output 8c + i lies.
constexpr std::array<int, kInWord> kNibbleOf = {0, 4, 1, 5, 2, 6, 3, 7};

uint32_t read(const RawTensor& tensor, int64_t line, int64_t column) {
  const int64_t words = tensor.shape[1];
  uint32_t word;
  std::memcpy(&word, tensor.bytes.data() + (line * words + column / kInWord) * 4, sizeof(word));
  return word >> (4 * kNibbleOf[static_cast<size_t>(column % kInWord)]) & 0xf;
}

std::vector<int64_t> shape_of(const RawTensor& weight) {
  require_rank(require_dtype(weight, "I32"), 2, 2);
  return {weight.shape[1] * kInWord, weight.shape[0]};
}

}  // namespace

Awq::Awq(Tensors tensors, int64_t group)
    : RowForm(shape_of(tensors.weight)),
      tensors_(std::move(tensors)),
      group_(group == 0 ? shape()[1] : group) {
  const int64_t groups = divide_up(shape()[1], group_);
  require_shape(tensors_.scales.tensor(), {groups, shape()[0]}, tensors_.weight);
  require_shape(require_dtype(tensors_.zeros, "I32"), {groups, shape()[0] / kInWord},
                tensors_.weight);
}

std::string Awq::describe() const {
  return "awq, 4 bits, groups of " + std::to_string(group_);
}

void Awq::decode_row(int64_t row, int64_t first, std::span<double> out) const {
  int64_t last = -1;
  double scale = 0.0;
  double zero = 0.0;
  for (size_t i = 0; i < out.size(); ++i) {
    const int64_t k = first + static_cast<int64_t>(i);
    if (k / group_ != last) {
      last = k / group_;
      scale = tensors_.scales[last * shape()[0] + row];
      zero = read(tensors_.zeros, last, row);
    }
    out[i] = (read(tensors_.weight, k, row) - zero) * scale;
  }
}

}  // namespace plumb::model
