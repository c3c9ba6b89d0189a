#include "compare/measure/whereabouts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace plumb::measure {
namespace {

// A part is off where it is off by this many floors, and by this share of the part that is most.
constexpr double kOff = 4.5;
constexpr double kShareOfWorst = 0.01;

std::vector<size_t> find_off(const std::vector<double>& ratios) {
  const double worst = *std::max_element(ratios.begin(), ratios.end());
  std::vector<size_t> off;
  for (size_t i = 0; i < ratios.size(); ++i) {
    if (!(ratios[i] <= kOff) && !(ratios[i] <= kShareOfWorst * worst)) off.push_back(i);
  }
  return off;
}

// "position 3 alone", "every head", "heads 2 and 3", "12 of 64 channels, first 3"
std::string list(const char* what, const std::vector<size_t>& off, size_t all) {
  if (off.size() == all) return fmt::format("every {}", what);
  if (off.size() == 1) return fmt::format("{} {} alone", what, off[0]);
  if (off.size() == 2) return fmt::format("{}s {} and {}", what, off[0], off[1]);
  return fmt::format("{} of {} {}s, first {}", off.size(), all, what, off[0]);
}

std::string positions(const std::vector<size_t>& off, size_t all) {
  const bool to_the_end = off.back() + 1 == all && off.size() == all - off.front();
  if (off.size() > 1 && off.size() < all && to_the_end) {
    return fmt::format("from position {} on", off.front());
  }
  if (off.size() == 1 && off.front() + 1 == all) return "at the last position alone";
  return "at " + list("position", off, all);
}

// RMS over its floor of each position's difference.
std::vector<double> by_position(const Matrix& value, const Matrix& truth, const Floor& floor) {
  std::vector<double> ratios;
  for (size_t t = 0; t < truth.shape(0); ++t) {
    double sum = 0.0;
    for (size_t j = 0; j < truth.shape(1); ++j) {
      const double z = (value(t, j) - truth(t, j)) / floor.rows[t];
      sum += z * z;
    }
    ratios.push_back(std::sqrt(sum / static_cast<double>(truth.shape(1))));
  }
  return ratios;
}

}  // namespace

std::optional<size_t> first_position_off(const Matrix& value, const Matrix& truth,
                                         const Floor& floor) {
  const std::vector<size_t> off = find_off(by_position(value, truth, floor));
  return off.empty() ? std::nullopt : std::optional(off.front());
}

std::string describe_whereabouts(const Matrix& value, const Matrix& truth, const Floor& floor,
                                 size_t heads, const Readout& readout) {
  const size_t rows = truth.shape(0);
  const size_t columns = truth.shape(1);
  const size_t parts = heads > 1 ? heads : columns;
  std::vector<double> by_part(parts, 0.0);
  for (size_t t = 0; t < rows; ++t) {
    for (size_t j = 0; j < columns; ++j) {
      const double z = (value(t, j) - truth(t, j)) / floor.rows[t];
      double& part = by_part[j / (columns / parts)];
      part = std::max(part, std::abs(z));
    }
  }
  std::vector<size_t> off_rows = find_off(by_position(value, truth, floor));
  for (size_t& row : off_rows) row = readout.position(row);
  const std::vector<size_t> off_parts = find_off(by_part);
  std::string text;
  if (!off_rows.empty()) text = positions(off_rows, readout.position(rows - 1) + 1);
  if (off_rows.empty() && off_parts.empty()) return "a little at every position";
  if (!readout.has_channels() || off_parts.empty() || (heads <= 1 && off_parts.size() == parts)) {
    return text;
  }
  return text + (text.empty() ? "in " : ", in ") +
         list(heads > 1 ? "head" : "channel", off_parts, parts);
}

}  // namespace plumb::measure
