#include "model/weights/scaled_rows.h"

#include "model/weights/shapes.h"

namespace plumb::model {

ScaledRows::ScaledRows(const RawTensor& weight, const Numbers& scales)
    : RowForm(require_rank(require_dtype(weight, "I8"), 2, 2).shape),
      weight_(weight),
      scales_(scales) {
  require_count(scales.tensor(), shape()[0], weight);
}

void ScaledRows::decode_row(int64_t row, int64_t first, std::span<double> out) const {
  constexpr double kCodes = 127.0;
  const std::byte* codes = weight_.bytes.data() + row * shape()[1] + first;
  const double scale = scales_[row];
  for (size_t k = 0; k < out.size(); ++k) {
    out[k] = static_cast<int8_t>(codes[k]) * scale / kCodes;
  }
}

}  // namespace plumb::model
