#include "compare/measure/recognise.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace plumb::measure {
namespace {

// A row that is another's is as near to it as noise lets it be: within this many floors.
constexpr double kSameRow = 10.0;

std::optional<std::string> find_non_finite(const Matrix& value) {
  for (size_t i = 0; i < value.size(); ++i) {
    if (!std::isfinite(value.data()[i])) {
      return fmt::format("holds NaN or infinity first at position {}, channel {}",
                         i / value.shape(1), i % value.shape(1));
    }
  }
  return std::nullopt;
}

// Is row `at` of `value` row `of` of the truth?
bool is_row(const Matrix& value, size_t at, const Matrix& truth, size_t of, const Floor& floor) {
  double squares = 0.0;
  for (size_t j = 0; j < truth.shape(1); ++j) {
    const double d = value(at, j) - truth(of, j);
    squares += d * d;
  }
  const double limit = kSameRow * floor.rows[of];
  return squares <= limit * limit * static_cast<double>(truth.shape(1));
}

std::optional<std::string> find_moved_rows(const Matrix& value, const Matrix& truth,
                                           const Floor& floor) {
  std::vector<size_t> wrong;
  for (size_t t = 0; t < truth.shape(0); ++t) {
    if (!is_row(value, t, truth, t, floor)) wrong.push_back(t);
  }
  if (wrong.size() == 2 && is_row(value, wrong[0], truth, wrong[1], floor) &&
      is_row(value, wrong[1], truth, wrong[0], floor)) {
    return fmt::format("positions {} and {} are exchanged", wrong[0], wrong[1]);
  }
  if (wrong.size() < 3) return std::nullopt;
  const auto shifted = [&](int by) {
    return std::all_of(wrong.begin(), wrong.end(), [&](size_t t) {
      const auto from = static_cast<int64_t>(t) + by;
      const bool inside = from >= 0 && from < static_cast<int64_t>(truth.shape(0));
      return !inside || is_row(value, t, truth, static_cast<size_t>(from), floor);
    });
  };
  if (shifted(1)) return fmt::format("from position {} on each holds the next one's", wrong[0]);
  if (shifted(-1)) return fmt::format("from position {} on each holds the one's before", wrong[0]);
  return std::nullopt;
}

}  // namespace

std::optional<std::string> recognise(const Matrix& value, const Matrix& truth, const Floor& floor) {
  if (auto found = find_non_finite(value)) return found;
  const auto zero = [](double v) { return v == 0.0; };
  if (std::all_of(value.begin(), value.end(), zero) &&
      !std::all_of(truth.begin(), truth.end(), zero)) {
    return "every value is 0";
  }
  return find_moved_rows(value, truth, floor);
}

}  // namespace plumb::measure
