#include "model/adapter/lora_form.h"

#include <algorithm>
#include <cmath>

#include "base/errors.h"

namespace plumb::model {

AdaptedForm::AdaptedForm(std::shared_ptr<const StoredForm> base, LowRank change)
    : StoredForm(base->shape()), base_(std::move(base)), change_(std::move(change)) {
  if (change_.magnitudes.empty()) return;
  const int64_t columns = shape().back();
  std::vector<double> row(static_cast<size_t>(columns));
  for (size_t n = 0; n < change_.magnitudes.size(); ++n) {
    decode_part(static_cast<int64_t>(n), 0, row);
    double squares = 0.0;
    for (const double value : row) squares += value * value;
    row_factors_.push_back(change_.magnitudes[n] / std::sqrt(squares));
  }
}

std::string AdaptedForm::describe() const {
  return base_->describe() + ", adapted by rank " + std::to_string(change_.rank) +
         (row_factors_.empty() ? "" : ", DoRA");
}

void AdaptedForm::decode_part(int64_t row, int64_t first, std::span<double> out) const {
  const auto columns = static_cast<size_t>(shape().back());
  const auto rank = static_cast<size_t>(change_.rank);
  base_->decode(row * shape().back() + first, 1, out);
  for (size_t i = 0; i < rank; ++i) {
    const double weight = change_.factor * change_.b[static_cast<size_t>(row) * rank + i];
    const double* a = change_.a.data() + i * columns + first;
    for (size_t k = 0; k < out.size(); ++k) out[k] += weight * a[k];
  }
}

void AdaptedForm::decode(int64_t first, int64_t stride, std::span<double> out) const {
  const int64_t columns = shape().back();
  for (size_t done = 0; done < out.size();) {
    const int64_t at = first + static_cast<int64_t>(done) * stride;
    const int64_t row = at / columns;
    const size_t count =
        stride == 1 ? std::min(out.size() - done, static_cast<size_t>(columns - at % columns)) : 1;
    const auto part = out.subspan(done, count);
    decode_part(row, at % columns, part);
    if (!row_factors_.empty()) {
      for (double& value : part) value *= row_factors_[static_cast<size_t>(row)];
    }
    done += count;
  }
}

void AdaptedForm::check() const {
  base_->check();
  for (const RawTensor& tensor : change_.tensors) PlainForm(tensor).check();
  if (std::ranges::all_of(row_factors_, [](double factor) { return std::isfinite(factor); })) {
    return;
  }
  throw base::InputError(change_.tensors.back().file, change_.tensors.back().name,
                         "belongs to a row of zeros, which has no direction",
                         "export the adapter again");
}

ShiftedForm::ShiftedForm(std::shared_ptr<const StoredForm> base, std::vector<double> shift,
                         double factor)
    : StoredForm(base->shape()), base_(std::move(base)), shift_(std::move(shift)) {
  for (double& value : shift_) value *= factor;
}

void ShiftedForm::decode(int64_t first, int64_t stride, std::span<double> out) const {
  base_->decode(first, stride, out);
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] += shift_[static_cast<size_t>(first + static_cast<int64_t>(i) * stride)];
  }
}

}  // namespace plumb::model
