#include "model/weights/scaled_fp4.h"

#include <algorithm>

#include "base/errors.h"
#include "base/small_floats.h"
#include "model/weights/shapes.h"

namespace plumb::model {

ScaledFp4::ScaledFp4(const RawTensor& codes, std::vector<int64_t> shape, const Numbers& scales,
                     std::optional<Global> global, int64_t group, std::string description)
    : RowForm(std::move(shape)),
      codes_(codes),
      scales_(scales),
      global_(std::move(global)),
      group_(group),
      description_(std::move(description)) {
  const int64_t columns = StoredForm::shape().back();
  if (columns % group != 0 || static_cast<int64_t>(codes.bytes.size()) * 2 != elements()) {
    throw base::InputError(
        codes.file, codes.name, "has shape " + show(codes.shape),
        "its rows are to be whole groups of " + std::to_string(group) + " 4-bit values");
  }
  require_count(scales.tensor(), elements() / group, codes);
  if (!global_) return;
  const int64_t stack = StoredForm::shape().size() > 2 ? StoredForm::shape().front() : 1;
  if (global_->scale.size() != 1) require_count(global_->scale.tensor(), stack, codes);
  rows_of_global_ = elements() / columns / global_->scale.size();
}

void ScaledFp4::decode_row(int64_t row, int64_t first, std::span<double> out) const {
  const auto& values = base::e2m1_values();
  const int64_t columns = shape().back();
  const std::byte* codes = codes_.bytes.data() + row * columns / 2;
  const double global = global_ ? global_->scale[row / rows_of_global_] : 1.0;
  const bool divides = global_ && global_->divides;
  const auto end = first + static_cast<int64_t>(out.size());
  for (int64_t k = first; k < end;) {
    const int64_t stop = std::min(end, (k / group_ + 1) * group_);
    const double own = scales_[(row * columns + k) / group_];
    const double scale = divides ? own : own * global;
    for (; k < stop; ++k) {
      const auto byte = static_cast<size_t>(codes[k / 2]);
      const double value = values[k % 2 == 0 ? byte & 0xf : byte >> 4] * scale;
      out[static_cast<size_t>(k - first)] = divides ? value / global : value;
    }
  }
}

void ScaledFp4::check() const {
  scales_.check_finite();
  if (!global_) return;
  global_->scale.check_finite();
  for (int64_t i = 0; global_->divides && i < global_->scale.size(); ++i) {
    if (global_->scale[i] == 0.0) {
      const RawTensor& tensor = global_->scale.tensor();
      throw base::InputError(tensor.file, tensor.name, "is 0, by which weights are divided",
                             "fetch or export the checkpoint again");
    }
  }
}

}  // namespace plumb::model
