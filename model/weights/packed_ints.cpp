#include "model/weights/packed_ints.h"

#include "base/errors.h"
#include "model/weights/bit_stream.h"
#include "model/weights/group_index.h"
#include "model/weights/shapes.h"

namespace plumb::model {

PackedInts::PackedInts(Tensors tensors, std::vector<int64_t> shape, int bits, int64_t group,
                       std::string description)
    : RowForm(std::move(shape)),
      tensors_(std::move(tensors)),
      bits_(bits),
      group_(group),
      groups_(divide_up(StoredForm::shape().back(), group)),
      description_(std::move(description)) {
  const RawTensor& packed = require_rank(require_dtype(tensors_.packed, "I32"), 2, 2);
  const int64_t rows = StoredForm::shape()[0];
  const int64_t columns = StoredForm::shape()[1];
  if (packed.shape[0] != rows) require_shape(packed, {rows, packed.shape[1]}, packed);
  row_packing_ = packing(packed, columns, packed.shape[1]);
  require_count(tensors_.scales.tensor(), rows * groups_, packed);
  if (tensors_.zeros) {
    const RawTensor& zeros = require_rank(require_dtype(*tensors_.zeros, "I32"), 2, 2);
    require_shape(zeros, {zeros.shape[0], groups_}, packed);
    zero_packing_ = packing(zeros, rows, zeros.shape[0]);
  }
  if (tensors_.groups) {
    require_count(tensors_.groups->tensor(), columns, packed);
    require_groups(*tensors_.groups, groups_);
  }
}

PackedInts::Packing PackedInts::packing(const RawTensor& tensor, int64_t count,
                                        int64_t words) const {
  constexpr int64_t kWord = 32;
  const int64_t per_word = kWord / bits_;
  if (words == divide_up(count * bits_, kWord)) return {.words = words};
  if (words == divide_up(count, per_word)) return {.words = words, .per_word = per_word};
  throw base::InputError(tensor.file, tensor.name, "has shape " + show(tensor.shape),
                         std::to_string(count) + " values of " + std::to_string(bits_) +
                             " bits take " + std::to_string(divide_up(count * bits_, kWord)) +
                             " words");
}

uint32_t PackedInts::read(const std::byte* words, const Packing& packing, int64_t stride,
                          int64_t index) const {
  if (packing.per_word == 0) return BitStream(words, bits_, stride)[index];
  const int64_t word = index / packing.per_word;
  return BitStream(words + word * stride * 4, bits_, stride)[index % packing.per_word];
}

double PackedInts::zero(int64_t row, int64_t group) const {
  if (!tensors_.zeros) return 0.0;
  const double offset = 1 << (bits_ - 1);
  return read(tensors_.zeros->bytes.data() + group * 4, zero_packing_, groups_, row) - offset;
}

void PackedInts::decode_row(int64_t row, int64_t first, std::span<double> out) const {
  const double offset = 1 << (bits_ - 1);
  const std::byte* words = tensors_.packed.bytes.data() + row * row_packing_.words * 4;
  int64_t last = -1;
  double scale = 0.0;
  double zero_point = 0.0;
  for (size_t i = 0; i < out.size(); ++i) {
    const int64_t k = first + static_cast<int64_t>(i);
    const int64_t g = tensors_.groups ? static_cast<int64_t>((*tensors_.groups)[k]) : k / group_;
    if (g != last) {
      scale = tensors_.scales[row * groups_ + g];
      zero_point = zero(row, g);
      last = g;
    }
    out[i] = (read(words, row_packing_, 1, k) - offset - zero_point) * scale;
  }
}

void PackedInts::check() const {
  tensors_.scales.check_finite();
}

}  // namespace plumb::model
