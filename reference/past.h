// The rows of an op's input with those that its sequences have kept in front of their own.
#pragma once

#include <optional>
#include <vector>

#include "reference/context.h"

namespace plumb::reference {

class WithPast {
 public:
  // `tensor`: which of the op's slot. Both arguments must outlive it.
  WithPast(const Context& context, const Matrix& own, size_t tensor);

  const Matrix& rows() const { return joined_ ? *joined_ : own_; }
  // Where a sequence begins in rows(), and how many of its rows are past.
  size_t first(size_t sequence) const { return first_[sequence]; }
  size_t past(size_t sequence) const { return past_[sequence]; }

  // Lets every sequence keep the last `most` (0: all) of its rows.
  void keep(size_t most) const;

 private:
  const Context& context_;
  const Matrix& own_;
  size_t tensor_;
  std::vector<size_t> first_;
  std::vector<size_t> past_;
  std::optional<Matrix> joined_;  // where there is a past
};

}  // namespace plumb::reference
