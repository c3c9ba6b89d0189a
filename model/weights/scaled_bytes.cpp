#include "model/weights/scaled_bytes.h"

#include <algorithm>
#include <cmath>

#include "base/errors.h"
#include "base/small_floats.h"
#include "model/weights/shapes.h"

namespace plumb::model {
namespace {

const std::array<double, 256>& values_of(const RawTensor& weight) {
  if (weight.dtype == "F8_E4M3") return base::e4m3_values();
  if (weight.dtype == "F8_E5M2") return base::e5m2_values();
  if (weight.dtype == "I8") return base::int8_values();
  throw base::InputError(weight.file, weight.name, "has dtype " + weight.dtype,
                         "the config declares it F8_E4M3, F8_E5M2 or I8");
}

}  // namespace

ScaledBytes::ScaledBytes(const RawTensor& weight, const Numbers& scales,
                         const std::optional<Numbers>& zeros, Block block, std::string description)
    : RowForm(require_rank(weight, 2, 3).shape),
      weight_(weight),
      scales_(scales),
      zeros_(zeros),
      block_(block),
      description_(std::move(description)),
      values_(values_of(weight)),
      rows_(shape()[shape().size() - 2]) {
  const int64_t columns = shape().back();
  if (block_.rows == 0) block_.rows = std::max<int64_t>(rows_, 1);
  if (block_.columns == 0) block_.columns = std::max<int64_t>(columns, 1);
  grid_rows_ = divide_up(rows_, block_.rows);
  grid_columns_ = divide_up(columns, block_.columns);
  const int64_t stack = shape().size() > 2 ? shape().front() : 1;
  require_count(scales.tensor(), stack * grid_rows_ * grid_columns_, weight);
  if (zeros) require_count(zeros->tensor(), scales.size(), weight);
}

void ScaledBytes::decode_row(int64_t row, int64_t first, std::span<double> out) const {
  const std::byte* codes = weight_.bytes.data() + row * shape().back();
  const int64_t grid_row = row / rows_ * grid_rows_ + row % rows_ / block_.rows;
  const auto end = first + static_cast<int64_t>(out.size());
  for (int64_t k = first; k < end;) {
    const int64_t block = k / block_.columns;
    const int64_t stop = std::min(end, (block + 1) * block_.columns);
    const int64_t index = grid_row * grid_columns_ + block;
    const double scale = scales_[index];
    const double zero = zeros_ ? (*zeros_)[index] : 0.0;
    for (; k < stop; ++k) {
      const double q = values_[static_cast<size_t>(codes[k])];
      out[static_cast<size_t>(k - first)] = (q - zero) * scale;
    }
  }
}

void ScaledBytes::check() const {
  scales_.check_finite();
  for (const std::byte code : weight_.bytes) {
    if (!std::isfinite(values_[static_cast<size_t>(code)])) {
      throw base::InputError(weight_.file, weight_.name, "holds NaN or infinity",
                             "the checkpoint is damaged: fetch or export it again");
    }
  }
}

}  // namespace plumb::model
