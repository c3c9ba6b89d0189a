#include "model/weights/shapes.h"

#include "base/errors.h"

namespace plumb::model {
namespace {

constexpr const char* kMend =
    "fetch or export the checkpoint again, or mend its quantization_config";

}  // namespace

std::string show(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

int64_t product(const std::vector<int64_t>& extents) {
  int64_t result = 1;
  for (const int64_t extent : extents) result *= extent;
  return result;
}

const RawTensor& require_rank(const RawTensor& tensor, size_t least, size_t most) {
  const size_t rank = tensor.shape.size();
  if (rank >= least && rank <= most && product(tensor.shape) > 0) return tensor;
  throw base::InputError(tensor.file, tensor.name, "has shape " + show(tensor.shape),
                         "such a tensor has " + std::to_string(least) +
                             (most > least ? " to " + std::to_string(most) : "") + " axes");
}

const RawTensor& require_dtype(const RawTensor& tensor, std::string_view dtype) {
  if (tensor.dtype == dtype) return tensor;
  throw base::InputError(tensor.file, tensor.name, "has dtype " + tensor.dtype,
                         "it is to be " + std::string(dtype));
}

void require_shape(const RawTensor& tensor, const std::vector<int64_t>& shape,
                   const RawTensor& weight) {
  if (tensor.shape == shape) return;
  throw base::InputError(
      tensor.file, tensor.name,
      "has shape " + show(tensor.shape) + ", and " + weight.name + " has " + show(weight.shape),
      "it is to be " + show(shape));
}

void require_count(const RawTensor& tensor, int64_t count, const RawTensor& weight) {
  if (product(tensor.shape) == count) return;
  throw base::InputError(
      tensor.file, tensor.name,
      "has shape " + show(tensor.shape) + ", and " + weight.name + " has " + show(weight.shape),
      "it is to hold " + std::to_string(count) + " values; " + kMend);
}

int64_t unpacked(const RawTensor& tensor, int64_t words, int bits) {
  constexpr int64_t kWord = 32;
  if (words * kWord % bits == 0) return words * kWord / bits;
  throw base::InputError(tensor.file, tensor.name,
                         "has shape " + show(tensor.shape) + ", which holds no whole number of " +
                             std::to_string(bits) + "-bit values",
                         kMend);
}

}  // namespace plumb::model
