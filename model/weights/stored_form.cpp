#include "model/weights/stored_form.h"

#include <algorithm>

#include "base/errors.h"

namespace plumb::model {
namespace {

base::DType plain_dtype(const RawTensor& tensor) {
  const auto dtype = base::dtype_from_safetensors_name(tensor.dtype);
  if (!dtype) {
    throw base::InputError(tensor.file, tensor.name, "has dtype " + tensor.dtype,
                           "weights are F64, F32, F16 or BF16, or as quantization_config declares");
  }
  return *dtype;
}

}  // namespace

int64_t StoredForm::elements() const {
  int64_t product = 1;
  for (const int64_t extent : shape_) product *= extent;
  return product;
}

Storage StoredForm::storage() const {
  const auto bytes = plain();
  return {.plain = bytes ? std::optional(bytes->dtype) : std::nullopt, .operand = operand_};
}

void StoredForm::to_float(int64_t first, int64_t stride, std::span<float> out) const {
  static thread_local std::vector<double> wide;  // kept: fresh memory would be cleared each time
  wide.resize(out.size());
  decode(first, stride, wide);
  std::transform(wide.begin(), wide.end(), out.begin(),
                 [](double value) { return static_cast<float>(value); });
}

PlainForm::PlainForm(const RawTensor& tensor)
    : StoredForm(tensor.shape), tensor_(tensor), dtype_(plain_dtype(tensor)) {}

void PlainForm::decode(int64_t first, int64_t stride, std::span<double> out) const {
  const size_t unit = base::size_of(dtype_);
  const std::byte* start = tensor_.bytes.data() + static_cast<size_t>(first) * unit;
  if (stride == 1) return base::widen(dtype_, start, out);
  for (size_t k = 0; k < out.size(); ++k) {
    base::widen(dtype_, start + k * static_cast<size_t>(stride) * unit, out.subspan(k, 1));
  }
}

void PlainForm::to_float(int64_t first, int64_t stride, std::span<float> out) const {
  const size_t unit = base::size_of(dtype_);
  const std::byte* start = tensor_.bytes.data() + static_cast<size_t>(first) * unit;
  if (stride == 1) return base::to_float(dtype_, start, out);
  for (size_t k = 0; k < out.size(); ++k) {
    base::to_float(dtype_, start + k * static_cast<size_t>(stride) * unit, out.subspan(k, 1));
  }
}

void PlainForm::check() const {
  if (base::all_finite(dtype_, tensor_.bytes.data(), static_cast<size_t>(elements()))) return;
  throw base::InputError(tensor_.file, tensor_.name, "holds NaN or infinity",
                         "the checkpoint is damaged: fetch or export it again");
}

void RowForm::decode(int64_t first, int64_t stride, std::span<double> out) const {
  const int64_t columns = shape().back();
  if (stride != 1) {
    for (double& value : out) {
      decode_row(first / columns, first % columns, {&value, 1});
      first += stride;
    }
    return;
  }
  for (size_t done = 0; done < out.size();) {
    const int64_t column = first % columns;
    const size_t count = std::min(out.size() - done, static_cast<size_t>(columns - column));
    decode_row(first / columns, column, out.subspan(done, count));
    first += static_cast<int64_t>(count);
    done += count;
  }
}

}  // namespace plumb::model
