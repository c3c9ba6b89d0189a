#include "model/weights/transposed.h"

#include <algorithm>
#include <utility>

#include "base/errors.h"

namespace plumb::model {
namespace {

std::vector<int64_t> turned(std::vector<int64_t> shape) {
  base::ensure(shape.size() >= 2, "a matrix is transposed");
  std::swap(shape[shape.size() - 2], shape[shape.size() - 1]);
  return shape;
}

}  // namespace

Transposed::Transposed(std::shared_ptr<const StoredForm> other)
    : StoredForm(turned(other->shape())),
      other_(std::move(other)),
      rows_(shape()[shape().size() - 2]),
      columns_(shape().back()) {}

void Transposed::decode(int64_t first, int64_t stride, std::span<double> out) const {
  const int64_t size = rows_ * columns_;
  const auto source = [&](int64_t at) {
    const int64_t inside = at % size;
    return at - inside + inside % columns_ * rows_ + inside / columns_;
  };
  for (size_t done = 0; done < out.size();) {
    size_t count = 1;
    if (stride % columns_ == 0) {  // down a column: a stretch of the other's row
      const int64_t left = rows_ - first % size / columns_;
      const int64_t step = stride / columns_;
      count = std::min(out.size() - done, static_cast<size_t>((left + step - 1) / step));
    }
    other_->decode(source(first), stride % columns_ == 0 ? stride / columns_ : 1,
                   out.subspan(done, count));
    first += stride * static_cast<int64_t>(count);
    done += count;
  }
}

}  // namespace plumb::model
