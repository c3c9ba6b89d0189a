// A stack of matrices that is stored with the other axis last: element [e, a, b] of this form is
// element [e, b, a] of the other.
#pragma once

#include "model/weights/stored_form.h"

namespace plumb::model {

class Transposed : public StoredForm {
 public:
  // other: [A, B] or [E, A, B].
  explicit Transposed(std::shared_ptr<const StoredForm> other);

  std::string describe() const override { return other_->describe() + ", transposed"; }
  void decode(int64_t first, int64_t stride, std::span<double> out) const override;
  Storage storage() const override { return other_->storage(); }
  void check() const override { other_->check(); }

 private:
  std::shared_ptr<const StoredForm> other_;
  int64_t rows_;  // of one matrix as this form has it
  int64_t columns_;
};

}  // namespace plumb::model
