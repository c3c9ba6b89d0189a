#include "model/weights/scale_and_bias.h"

#include "base/errors.h"
#include "model/weights/bit_stream.h"
#include "model/weights/shapes.h"

namespace plumb::model {
namespace {

std::vector<int64_t> shape_of(const RawTensor& codes, int bits) {
  std::vector<int64_t> shape = require_rank(require_dtype(codes, "U32"), 2, 3).shape;
  shape.back() = unpacked(codes, shape.back(), bits);
  return shape;
}

}  // namespace

ScaleAndBias::ScaleAndBias(Tensors tensors, int bits, int64_t group)
    : RowForm(shape_of(tensors.codes, bits)),
      tensors_(std::move(tensors)),
      bits_(bits),
      group_(group) {
  std::vector<int64_t> grid = shape();
  grid.back() = divide_up(grid.back(), group);
  require_shape(tensors_.scales.tensor(), grid, tensors_.codes);
  require_shape(tensors_.biases.tensor(), grid, tensors_.codes);
}

std::string ScaleAndBias::describe() const {
  return "mlx affine, " + std::to_string(bits_) + " bits, groups of " + std::to_string(group_);
}

void ScaleAndBias::decode_row(int64_t row, int64_t first, std::span<double> out) const {
  const int64_t words = tensors_.codes.shape.back();
  const int64_t groups = tensors_.scales.tensor().shape.back();
  const BitStream codes(tensors_.codes.bytes.data() + row * words * 4, bits_);
  int64_t last = -1;
  double scale = 0.0;
  double bias = 0.0;
  for (size_t i = 0; i < out.size(); ++i) {
    const int64_t k = first + static_cast<int64_t>(i);
    if (k / group_ != last) {
      last = k / group_;
      scale = tensors_.scales[row * groups + last];
      bias = tensors_.biases[row * groups + last];
    }
    out[i] = scale * codes[k] + bias;
  }
}

void ScaleAndBias::check() const {
  tensors_.scales.check_finite();
  tensors_.biases.check_finite();
}

}  // namespace plumb::model
