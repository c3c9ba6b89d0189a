#include "model/weights/blockwise_4bit.h"

#include "base/errors.h"
#include "model/weights/shapes.h"

namespace plumb::model {

Blockwise4Bit::Blockwise4Bit(Tensors tensors, std::vector<int64_t> shape, int64_t block,
                             std::string description)
    : StoredForm(std::move(shape)),
      tensors_(std::move(tensors)),
      block_(block),
      description_(std::move(description)) {
  const RawTensor& codes = tensors_.codes;
  if (static_cast<int64_t>(codes.bytes.size()) != divide_up(elements(), 2)) {
    throw base::InputError(
        codes.file, codes.name, "has shape " + show(codes.shape),
        "its quant_state says " + show(StoredForm::shape()) + ", two elements a byte");
  }
  require_count(tensors_.map.tensor(), 16, codes);
  const int64_t blocks = divide_up(elements(), block_);
  require_count(tensors_.absmax.tensor(), blocks, codes);
  if (!tensors_.nested) return;
  require_count(tensors_.nested->map.tensor(), 256, codes);
  require_count(tensors_.nested->absmax.tensor(), divide_up(blocks, tensors_.nested->block), codes);
}

double Blockwise4Bit::scale(int64_t block) const {
  const double stored = tensors_.absmax[block];
  if (!tensors_.nested) return stored;
  const Nested& nested = *tensors_.nested;
  return nested.map[static_cast<int64_t>(stored)] * nested.absmax[block / nested.block] +
         nested.offset;
}

void Blockwise4Bit::decode(int64_t first, int64_t stride, std::span<double> out) const {
  const std::byte* codes = tensors_.codes.bytes.data();
  int64_t last = -1;
  double absmax = 0.0;
  for (double& value : out) {
    if (first / block_ != last) {
      last = first / block_;
      absmax = scale(last);
    }
    const auto byte = static_cast<uint8_t>(codes[first / 2]);
    value = tensors_.map[first % 2 == 0 ? byte >> 4 : byte & 0xf] * absmax;
    first += stride;
  }
}

void Blockwise4Bit::check() const {
  tensors_.map.check_finite();
  tensors_.absmax.check_finite();
  if (!tensors_.nested) return;
  tensors_.nested->map.check_finite();
  tensors_.nested->absmax.check_finite();
}

}  // namespace plumb::model
