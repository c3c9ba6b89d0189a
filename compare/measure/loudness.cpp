#include "compare/measure/loudness.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace plumb::measure {
namespace {

using reference::Matrix;

constexpr double kLoud = 2.0;
// Times the RMS of its position: an element that shows noise in proportion to itself.
constexpr double kLarge = 3.0;
// A position's own noise is taken for no less than this share of its floor.
constexpr double kQuiet = 0.3;

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double mean_square(std::span<const double> values) {
  double sum = 0.0;
  for (const double v : values) sum += v * v;
  return sum / static_cast<double>(values.size());
}

// Mean squares of the noise of each element of position t.
std::vector<double> noise_of_elements(const Matrix& replicas, std::span<const double> center,
                                      size_t t, size_t rows) {
  const size_t count = replicas.shape(0) / rows;
  std::vector<double> noise(center.size(), 0.0);
  for (size_t k = 0; k < count; ++k) {
    const auto replica = reference::row(replicas, k * rows + t);
    for (size_t j = 0; j < noise.size(); ++j) {
      const double d = replica[j] - center[j];
      noise[j] += d * d;
    }
  }
  for (double& v : noise) v /= static_cast<double>(count);
  return noise;
}

// Adds up what is known of noise in proportion to an element's own value.
class Proportional {
 public:
  // Gives the RMS of the noise of the elements that are not large, over that of all.
  double add(std::span<const double> noise, std::span<const double> values) {
    const double limit = kLarge * kLarge * mean_square(values);
    double others = 0.0;
    double own = 0.0;
    double squares = 0.0;
    size_t found = 0;
    for (size_t j = 0; j < noise.size(); ++j) {
      const double square = values[j] * values[j];
      if (square > limit) {
        own += noise[j];
        squares += square;
        ++found;
      } else {
        others += noise[j];
      }
    }
    others /= static_cast<double>(noise.size() - found);
    if (others > 0.0) {
      excess_ += own / others - static_cast<double>(found);
      squares_ += squares / others;
    }
    return others > 0.0 ? std::sqrt(others / mean(noise)) : 1.0;
  }
  double share() const { return excess_ > 0.0 ? std::sqrt(excess_ / squares_) : 0.0; }

 private:
  double excess_ = 0.0;   // of the noise of the large ones, in that of the others
  double squares_ = 0.0;  // of the values of the large ones, likewise
};

}  // namespace

Loudness measure_loudness(const Matrix& replicas, const Matrix& truth,
                          std::span<const double> rows) {
  const size_t columns = truth.shape(1);
  Loudness loudness;
  Proportional proportional;
  for (size_t t = 0; t < rows.size(); ++t) {
    const auto center = reference::row(truth, t);
    const std::vector<double> noise = noise_of_elements(replicas, center, t, rows.size());
    const double limit = kLoud * rows[t] * kLoud * rows[t];
    for (size_t j = 0; j < columns; ++j) {
      if (noise[j] > limit) loudness.loud[t * columns + j] = std::sqrt(noise[j]) / rows[t];
    }
    loudness.ordinary.push_back(proportional.add(noise, center));
  }
  loudness.proportional = proportional.share();
  return loudness;
}

double Loudness::of(size_t element) const {
  const auto found = loud.find(element);
  return found == loud.end() ? 0.0 : found->second;
}

Loudness Loudness::last_rows(size_t count, size_t columns) const {
  const size_t rows = ordinary.size() - count;
  const size_t dropped = rows * columns;
  Loudness part{.proportional = proportional,
                .ordinary = {ordinary.begin() + static_cast<ptrdiff_t>(rows), ordinary.end()}};
  for (const auto& [element, loudness] : loud) {
    if (element >= dropped) part.loud[element - dropped] = loudness;
  }
  return part;
}

Peak find_peak(std::span<const double> z, std::span<const double> truth, double unit,
               const Loudness& loudness, size_t t) {
  if (!(unit > 0.0)) return {};
  const double ordinary = loudness.ordinary[t] * loudness.ordinary[t];
  const double proportional = loudness.proportional / unit * loudness.proportional / unit;
  Peak peak;
  double squares = 0.0;
  double largest = 0.0;  // of what the sum holds
  for (size_t j = 0; j < z.size(); ++j) {
    const double own = std::sqrt(ordinary + proportional * truth[j] * truth[j]);
    const double plain = z[j] / std::max(own, kQuiet);
    squares += plain * plain;
    if (plain <= peak.value) continue;
    const double value = z[j] / std::max({own, kQuiet, loudness.of(t * z.size() + j)});
    if (value <= peak.value) continue;
    peak = {value, j};
    largest = plain;
  }
  const double others = (squares - largest * largest) / static_cast<double>(z.size() - 1);
  peak.value /= std::sqrt(std::max(others, kQuiet * kQuiet));
  return peak;
}

}  // namespace plumb::measure
