#include "compare/bits.h"

#include <algorithm>
#include <numeric>

#include "compare/gates.h"

namespace plumb::compare {
namespace {

using reference::Matrix;

double count_differing(std::span<const double> a, std::span<const double> b) {
  double count = 0.0;
  for (size_t j = 0; j < a.size(); ++j) count += a[j] == b[j] ? 0.0 : 1.0;
  return count;
}

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

}  // namespace

void Bits::add(const Matrix& value, const Matrix& replicas) {
  const size_t rows = value.shape(0);
  const size_t copies = replicas.shape(0) / rows;
  columns_ = static_cast<double>(value.shape(1));
  for (size_t t = 0; t < rows; ++t) {
    double differing = 0.0;
    double own = 0.0;
    for (size_t k = 0; k < copies; ++k) {
      const auto replica = reference::row(replicas, k * rows + t);
      differing += count_differing(reference::row(value, t), replica);
      own += count_differing(reference::row(replicas, (k + 1) % copies * rows + t), replica);
    }
    differing_.push_back(differing / static_cast<double>(copies));
    own_.push_back(own / static_cast<double>(copies));
  }
}

void Bits::add(const Bits& other) {
  columns_ = other.columns_;
  differing_.insert(differing_.end(), other.differing_.begin(), other.differing_.end());
  own_.insert(own_.end(), other.own_.begin(), other.own_.end());
}

double Bits::differing() const {
  return sum(differing_);
}

double Bits::mismatch() const {
  return differing() / (columns_ * static_cast<double>(differing_.size()));
}

double Bits::own() const {
  return sum(own_) / (columns_ * static_cast<double>(own_.size()));
}

bool Bits::departs() const {
  std::vector<double> rows = differing_;
  const auto kept = static_cast<std::ptrdiff_t>(rows.size() - std::min(rows.size(), kChanceRows));
  std::nth_element(rows.begin(), rows.begin() + kept, rows.end());
  const double most = std::accumulate(rows.begin(), rows.begin() + kept, 0.0);
  const double all = columns_ * static_cast<double>(kept);
  return most > std::max(kBitRatio * sum(own_), kLeastMismatch * all);
}

bool Bits::follows() const {
  return !departs() && mismatch() <= kMostMismatch;
}

}  // namespace plumb::compare
