// Weights as an adapter changes them, in float64: W + s B A, and with a magnitude for each row
// (DoRA) m / |row| of that. Nothing but A, B and the norms is kept.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/weights/stored_form.h"

namespace plumb::model {

// The parts of a change by a matrix of low rank.
struct LowRank {
  int64_t rank = 0;
  std::vector<double> a;  // [rank, columns]
  std::vector<double> b;  // [rows, rank]
  double factor = 1.0;
  std::vector<double> magnitudes;  // [rows]; empty: rows keep their length
  std::vector<RawTensor> tensors;  // for messages
};

class AdaptedForm : public StoredForm {
 public:
  // base: a matrix [rows, columns]
  AdaptedForm(std::shared_ptr<const StoredForm> base, LowRank change);

  std::string describe() const override;
  void decode(int64_t first, int64_t stride, std::span<double> out) const override;
  void check() const override;

 private:
  // Elements [first, first + size) of one row, without magnitudes.
  void decode_part(int64_t row, int64_t first, std::span<double> out) const;

  std::shared_ptr<const StoredForm> base_;
  LowRank change_;
  std::vector<double> row_factors_;  // empty: 1
};

// A vector plus `factor` times another: a bias beside one of B's.
class ShiftedForm : public StoredForm {
 public:
  ShiftedForm(std::shared_ptr<const StoredForm> base, std::vector<double> shift, double factor);

  std::string describe() const override { return base_->describe() + ", adapted"; }
  void decode(int64_t first, int64_t stride, std::span<double> out) const override;
  void check() const override { base_->check(); }

 private:
  std::shared_ptr<const StoredForm> base_;
  std::vector<double> shift_;
};

}  // namespace plumb::model
