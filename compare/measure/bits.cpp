#include "compare/measure/bits.h"

#include <algorithm>
#include <numeric>

#include "compare/measure/gates.h"

namespace plumb::measure {
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

// By row.
std::vector<double> count_rows(const Matrix& a, size_t first, const Matrix& b, size_t other,
                               size_t rows) {
  std::vector<double> counts(rows);
  for (size_t t = 0; t < rows; ++t) {
    counts[t] = count_differing(reference::row(a, first + t), reference::row(b, other + t));
  }
  return counts;
}

}  // namespace

void Bits::add(const Matrix& value, const Matrix& replicas) {
  const size_t rows = value.shape(0);
  const size_t copies = replicas.shape(0) / rows;
  columns_ = static_cast<double>(value.shape(1));
  // The copy nearest to what starts at row `first` of `a`, without copy `self`.
  const auto nearest = [&](const Matrix& a, size_t first, size_t self) {
    std::vector<double> least;
    for (size_t k = 0; k < copies; ++k) {
      if (k == self) continue;
      std::vector<double> counts = count_rows(a, first, replicas, k * rows, rows);
      if (least.empty() || sum(counts) < sum(least)) least = std::move(counts);
    }
    return least;
  };
  const std::vector<double> mine = nearest(value, 0, copies);
  std::vector<double> most(rows, 0.0);
  for (size_t k = 0; k < copies && copies > 1; ++k) {
    std::vector<double> theirs = nearest(replicas, k * rows, k);
    if (sum(theirs) > sum(most)) most = std::move(theirs);
  }
  differing_.insert(differing_.end(), mine.begin(), mine.end());
  own_.insert(own_.end(), most.begin(), most.end());
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

bool Bits::departs(double least) const {
  std::vector<double> rows = differing_;
  const auto kept = static_cast<std::ptrdiff_t>(rows.size() - std::min(rows.size(), kChanceRows));
  std::nth_element(rows.begin(), rows.begin() + kept, rows.end());
  const double most = std::accumulate(rows.begin(), rows.begin() + kept, 0.0);
  const double all = columns_ * static_cast<double>(kept);
  return most > std::max(kBitRatio * sum(own_), least * all);
}

}  // namespace plumb::measure
