#include "reference/past.h"

#include <algorithm>

namespace plumb::reference {

WithPast::WithPast(const Context& context, const Matrix& own, size_t tensor)
    : context_(context), own_(own), tensor_(tensor) {
  size_t total = 0;
  for (const Sequence& sequence : context.sequences) {
    const auto* kept = context.kept(sequence);
    first_.push_back(total);
    past_.push_back(kept == nullptr ? 0 : (*kept)[tensor].shape(0));
    total += past_.back() + sequence.rows();
  }
  if (total == own.shape(0)) return;
  joined_ = make_matrix(total, own.shape(1));
  double* to = joined_->data();
  for_sequences(context, [&](const Sequence& sequence, size_t row) {
    if (const auto* kept = context.kept(sequence)) {
      const Matrix& past = (*kept)[tensor];
      to = std::copy(past.data(), past.data() + past.size(), to);
    }
    const double* from = own.data() + row * own.shape(1);
    to = std::copy(from, from + sequence.rows() * own.shape(1), to);
  });
}

void WithPast::keep(size_t most) const {
  for_sequences(context_, [&](const Sequence& sequence, size_t row) {
    auto* kept = context_.kept(sequence);
    if (kept == nullptr) return;
    Matrix& past = (*kept)[tensor_];
    past = appended(past, own_, row, row + sequence.rows(), most);
  });
}

}  // namespace plumb::reference
