#include "model/gguf/forms.h"

#include <algorithm>
#include <cmath>

#include "base/errors.h"

namespace plumb::model {
namespace {

using base::InputError;

constexpr const char* kDamaged = "the checkpoint is damaged: fetch or convert it again";

const base::GgmlType* weight_type(const RawTensor& tensor) {
  const base::GgmlType* type = base::find_ggml_type(tensor.dtype);
  if (type != nullptr && type->decode != nullptr) return type;
  throw InputError(tensor.file, tensor.name, "is of type " + tensor.dtype,
                   "such a tensor holds no weights");
}

class Untiled : public RowForm {
 public:
  Untiled(FormPtr stored, const Tiling& tiling)
      : RowForm(stored->shape()), stored_(std::move(stored)), tiling_(tiling) {}

  std::string describe() const override { return stored_->describe() + ", heads tiled"; }
  Storage storage() const override { return stored_->storage(); }
  void check() const override { stored_->check(); }

 protected:
  void decode_row(int64_t row, int64_t first, std::span<double> out) const override {
    const int64_t columns = shape().back();
    // A vector is one row, and its elements are what is tiled.
    if (tiling_.axis == 0 && shape().size() > 1) {
      return stored_->decode(tiling_.stored_index(row) * columns + first, 1, out);
    }
    for (size_t done = 0; done < out.size();) {
      const int64_t column = first + static_cast<int64_t>(done);
      const size_t run = std::min(out.size() - done, static_cast<size_t>(run_from(column)));
      stored_->decode(row * columns + tiling_.stored_index(column), 1, out.subspan(done, run));
      done += run;
    }
  }

 private:
  // How many indices from this one on lie side by side in the file, too.
  int64_t run_from(int64_t index) const {
    if (index < tiling_.begin) return tiling_.begin - index;
    return tiling_.width - (index - tiling_.begin) % tiling_.width;
  }

  FormPtr stored_;
  Tiling tiling_;
};

std::vector<int64_t> joined_shape(const std::vector<int64_t>& s, bool transposed) {
  const int64_t rows = transposed ? s[2] : s[1];
  return {s[0] * rows, transposed ? s[1] : s[2]};
}

class JoinedHeads : public RowForm {
 public:
  JoinedHeads(FormPtr stored, bool transposed)
      : RowForm(joined_shape(stored->shape(), transposed)),
        stored_(std::move(stored)),
        transposed_(transposed) {}

  std::string describe() const override {
    return stored_->describe() + (transposed_ ? ", heads transposed" : ", heads apart");
  }
  Storage storage() const override { return stored_->storage(); }
  void check() const override { stored_->check(); }

 protected:
  void decode_row(int64_t row, int64_t first, std::span<double> out) const override {
    if (!transposed_) return stored_->decode(row * shape().back() + first, 1, out);
    const int64_t columns = stored_->shape()[1];
    const int64_t rows = stored_->shape()[2];
    const int64_t head = row / rows * columns * rows;
    stored_->decode(head + first * rows + row % rows, rows, out);
  }

 private:
  FormPtr stored_;
  bool transposed_;
};

class LogOfNegative : public StoredForm {
 public:
  explicit LogOfNegative(FormPtr stored)
      : StoredForm(stored->shape()), stored_(std::move(stored)) {}

  std::string describe() const override { return stored_->describe() + ", -exp of it"; }
  void decode(int64_t first, int64_t stride, std::span<double> out) const override {
    stored_->decode(first, stride, out);
    for (double& value : out) value = std::log(-value);
  }
  Storage storage() const override { return stored_->storage(); }
  void check() const override { stored_->check(); }

 private:
  FormPtr stored_;
};

class FromValues : public StoredForm {
 public:
  FromValues(std::vector<double> values, std::string described)
      : StoredForm({static_cast<int64_t>(values.size())}),
        values_(std::move(values)),
        described_(std::move(described)) {}

  std::string describe() const override { return described_; }
  void decode(int64_t first, int64_t stride, std::span<double> out) const override {
    for (double& value : out) {
      value = values_[static_cast<size_t>(first)];
      first += stride;
    }
  }
  void check() const override {}

 private:
  std::vector<double> values_;
  std::string described_;
};

std::vector<double> read_scales(const RawTensor& tensor, const RawTensor& scale) {
  const PlainForm plain(scale);
  const int64_t slices = tensor.shape.size() > 2 ? tensor.shape.front() : 1;
  if (plain.elements() != 1 && plain.elements() != slices) {
    throw InputError(scale.file, scale.name,
                     "holds " + std::to_string(plain.elements()) + " scales for " +
                         std::to_string(slices) + " matrices",
                     kDamaged);
  }
  std::vector<double> values(static_cast<size_t>(plain.elements()));
  plain.decode(0, 1, values);
  return values;
}

}  // namespace

GgufForm::GgufForm(const RawTensor& tensor, const RawTensor* scale)
    : RowForm(tensor.shape), tensor_(tensor), type_(weight_type(tensor)) {
  if (scale == nullptr) return;
  scales_ = read_scales(tensor, *scale);
  rows_per_scale_ = elements() / shape().back() / static_cast<int64_t>(scales_.size());
}

std::string GgufForm::describe() const {
  return tensor_.dtype + (scales_.empty() ? "" : " with a scale");
}

void GgufForm::decode_row(int64_t row, int64_t first, std::span<double> out) const {
  constexpr int kLargestBlock = 256;
  const int64_t block = type_->elements;
  const std::byte* start = tensor_.bytes.data() + row * (shape().back() / block) * type_->bytes;
  const auto end = first + static_cast<int64_t>(out.size());
  for (int64_t at = first; at < end;) {
    const std::byte* raw = start + at / block * type_->bytes;
    double* target = out.data() + (at - first);
    if (at % block == 0 && end - at >= block) {
      const int64_t whole = (end - at) / block;
      type_->decode(raw, static_cast<size_t>(whole), target);
      at += whole * block;
      continue;
    }
    double values[kLargestBlock];
    type_->decode(raw, 1, values);
    const int64_t count = std::min(end - at, block - at % block);
    std::copy_n(values + at % block, count, target);
    at += count;
  }
  if (scales_.empty()) return;
  const double scale = scales_[static_cast<size_t>(row / rows_per_scale_)];
  for (double& value : out) value *= scale;
}

void GgufForm::check() const {
  constexpr int64_t kRowsAtOnce = 16;
  const int64_t columns = shape().back();
  const int64_t rows = elements() / columns;
  std::vector<double> values(static_cast<size_t>(kRowsAtOnce * columns));
  for (int64_t row = 0; row < rows; row += kRowsAtOnce) {
    const auto count = static_cast<size_t>(std::min(kRowsAtOnce, rows - row) * columns);
    decode(row * columns, 1, {values.data(), count});
    if (std::all_of(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count),
                    [](double value) { return std::isfinite(value); })) {
      continue;
    }
    throw InputError(tensor_.file, tensor_.name, "holds NaN or infinity, or a scale that is none",
                     kDamaged);
  }
}

FormPtr open_gguf_tensor(const RawTensor& tensor, const RawTensor* scale) {
  if (scale == nullptr && base::dtype_from_safetensors_name(tensor.dtype)) {
    return std::make_shared<PlainForm>(tensor);
  }
  return std::make_shared<GgufForm>(tensor, scale);
}

int64_t Tiling::stored_index(int64_t index) const {
  if (index < begin) return index;
  const int64_t head = (index - begin) / width;
  const int64_t tiled = head % inner * outer + head / inner;
  return begin + tiled * width + (index - begin) % width;
}

FormPtr arranged(FormPtr stored, const GgufLayout& layout, const RawTensor& tensor) {
  if (layout.heads != GgufLayout::Heads::kJoined) {
    if (stored->shape().size() != 3 || stored->shape().front() != layout.head_count) {
      throw InputError(tensor.file, tensor.name, "is no stack of the heads' matrices", kDamaged);
    }
    const bool transposed = layout.heads == GgufLayout::Heads::kTransposed;
    stored = std::make_shared<JoinedHeads>(std::move(stored), transposed);
  }
  if (layout.tiling) {
    const Tiling& t = *layout.tiling;
    const std::vector<int64_t>& shape = stored->shape();
    const int64_t extent = t.axis == 0 ? shape.front() : shape.back();
    if (extent != t.begin + t.outer * t.inner * t.width) {
      throw InputError(tensor.file, tensor.name, "has another number of heads than the keys say",
                       kDamaged);
    }
    stored = std::make_shared<Untiled>(std::move(stored), t);
  }
  if (layout.negative_exp) stored = std::make_shared<LogOfNegative>(std::move(stored));
  return stored;
}

namespace {

void tile(std::vector<double>& values, const std::vector<int64_t>& shape, const Tiling& tiling) {
  const std::vector<double> before = values;
  const int64_t columns = shape.size() > 1 ? shape.back() : 1;
  const auto rows = static_cast<int64_t>(values.size()) / columns;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      const int64_t to_row = tiling.axis == 0 ? tiling.stored_index(row) : row;
      const int64_t to_column = tiling.axis == 1 ? tiling.stored_index(column) : column;
      values[static_cast<size_t>(to_row * columns + to_column)] =
          before[static_cast<size_t>(row * columns + column)];
    }
  }
}

void part_heads(std::vector<double>& values, std::vector<int64_t>& shape, int64_t heads,
                bool transposed) {
  const int64_t rows = shape.front() / heads;
  const int64_t columns = shape.back();
  shape = {heads, transposed ? columns : rows, transposed ? rows : columns};
  if (!transposed) return;
  const std::vector<double> before = values;
  for (size_t i = 0; i < values.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    const int64_t head = at / (rows * columns);
    const int64_t row = at / columns % rows;
    const int64_t to = head * rows * columns + at % columns * rows + row;
    values[static_cast<size_t>(to)] = before[i];
  }
}

}  // namespace

void arrange(std::vector<double>& values, std::vector<int64_t>& shape, const GgufLayout& layout) {
  if (layout.negative_exp) {
    for (double& value : values) value = -std::exp(value);
  }
  if (layout.tiling) tile(values, shape, *layout.tiling);
  if (layout.heads != GgufLayout::Heads::kJoined) {
    part_heads(values, shape, layout.head_count, layout.heads == GgufLayout::Heads::kTransposed);
  }
}

FormPtr from_values(std::vector<double> values, std::string described) {
  return std::make_shared<FromValues>(std::move(values), std::move(described));
}

}  // namespace plumb::model
