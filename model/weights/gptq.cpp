#include "model/weights/gptq.h"

#include "base/errors.h"
#include "model/weights/bit_stream.h"
#include "model/weights/group_index.h"
#include "model/weights/shapes.h"

namespace plumb::model {
namespace {

std::vector<int64_t> shape_of(const Gptq::Tensors& tensors, int bits) {
  const RawTensor& weight = require_rank(require_dtype(tensors.weight, "I32"), 2, 2);
  return {weight.shape[1], unpacked(weight, weight.shape[0], bits)};
}

}  // namespace

Gptq::Gptq(Tensors tensors, const Options& options)
    : RowForm(shape_of(tensors, options.bits)),
      tensors_(std::move(tensors)),
      options_(options),
      group_(options.group == 0 ? shape()[1] : options.group),
      groups_(divide_up(shape()[1], group_)) {
  const RawTensor& weight = tensors_.weight;
  const int64_t outputs = shape()[0];
  require_shape(tensors_.scales.tensor(), {groups_, outputs}, weight);
  const int64_t words = outputs * options_.bits / 32;
  require_shape(require_dtype(tensors_.zeros, "I32"), {groups_, words}, weight);
  if (unpacked(tensors_.zeros, words, options_.bits) != outputs) {
    throw base::InputError(weight.file, weight.name, "has shape " + show(weight.shape),
                           "zeros of its outputs do not fill whole words");
  }
  if (tensors_.groups) {
    require_count(tensors_.groups->tensor(), shape()[1], weight);
    require_groups(*tensors_.groups, groups_);
  }
}

std::string Gptq::describe() const {
  std::string text = "gptq" + std::string(options_.version_1 ? " v1, " : " v2, ") +
                     std::to_string(options_.bits) + " bits, ";
  text += options_.group == 0 ? "one group" : "groups of " + std::to_string(group_);
  return text + (tensors_.groups ? ", g_idx" : "");
}

uint32_t Gptq::stored_zero(int64_t group, int64_t column) const {
  const int64_t words = tensors_.zeros.shape[1];
  return BitStream(tensors_.zeros.bytes.data() + group * words * 4, options_.bits)[column];
}

void Gptq::decode_row(int64_t row, int64_t first, std::span<double> out) const {
  const int64_t outputs = shape()[0];
  const BitStream codes(tensors_.weight.bytes.data() + row * 4, options_.bits, outputs);
  int64_t last = -1;
  double scale = 0.0;
  double zero = 0.0;
  for (size_t i = 0; i < out.size(); ++i) {
    const int64_t k = first + static_cast<int64_t>(i);
    const int64_t g = tensors_.groups ? static_cast<int64_t>((*tensors_.groups)[k]) : k / group_;
    if (g != last) {
      scale = tensors_.scales[g * outputs + row];
      zero = stored_zero(g, row) + (options_.version_1 ? 1.0 : 0.0);
      last = g;
    }
    out[i] = scale * (codes[k] - zero);
  }
}

void Gptq::check() const {
  tensors_.scales.check_finite();
  const uint32_t most = (1U << options_.bits) - 1;
  const uint32_t middle = (1U << (options_.bits - 1)) - (options_.version_1 ? 1 : 0);
  for (int64_t g = 0; g < groups_; ++g) {
    for (int64_t n = 0; n < shape()[0]; ++n) {
      const uint32_t zero = stored_zero(g, n);
      const RawTensor& tensor = tensors_.zeros;
      if (options_.version_1 && zero == most) {
        throw base::InputError(tensor.file, tensor.name,
                               "stores the zero " + std::to_string(zero) +
                                   ", which loaders of version 1 read as 0 or as " +
                                   std::to_string(zero + 1),
                               "export it as gptq_v2, or with other zeros");
      }
      if (options_.symmetric && zero != middle) {
        throw base::InputError(tensor.file, tensor.name,
                               "stores the zero " + std::to_string(zero) + ", not " +
                                   std::to_string(middle) + ", in a file that says sym",
                               "mend checkpoint_format (gptq, gptq_v2) or sym");
      }
    }
  }
}

}  // namespace plumb::model
