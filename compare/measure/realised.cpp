#include "compare/measure/realised.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "compare/measure/gates.h"

namespace plumb::measure {
namespace {

using reference::Matrix;

// The noise of each position, and in units of that of each channel.
struct Noise {
  std::vector<double> rows;
  std::vector<double> columns;
};

Noise noise_of(const Matrix& replicas, const Matrix& truth) {
  const size_t rows = truth.shape(0);
  const size_t width = truth.shape(1);
  const auto copies = static_cast<double>(replicas.shape(0)) / static_cast<double>(rows);
  Noise noise{std::vector<double>(rows, 0.0), std::vector<double>(width, 0.0)};
  const auto error = [&](size_t r, size_t c) { return replicas(r, c) - truth(r % rows, c); };
  for (size_t r = 0; r < replicas.shape(0); ++r) {
    for (size_t c = 0; c < width; ++c) noise.rows[r % rows] += error(r, c) * error(r, c);
  }
  for (double& row : noise.rows) row = std::sqrt(row / (copies * static_cast<double>(width)));
  for (size_t r = 0; r < replicas.shape(0); ++r) {
    if (noise.rows[r % rows] == 0.0) continue;
    for (size_t c = 0; c < width; ++c) {
      const double whitened = error(r, c) / noise.rows[r % rows];
      noise.columns[c] += whitened * whitened;
    }
  }
  for (double& column : noise.columns) {
    column = std::sqrt(column / (copies * static_cast<double>(rows)));
  }
  return noise;
}

double middle(std::vector<double> values) {
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

// Of each channel, at the middle position, how far rows [first, ...) of `value` are from the
// nearest of the replicas other than `except`, in floors.
std::vector<double> distances(const Matrix& value, size_t first, const Matrix& replicas,
                              size_t except, const Noise& noise) {
  const size_t rows = noise.rows.size();
  const size_t copies = replicas.shape(0) / rows;
  std::vector<double> result;
  for (size_t c = 0; c < noise.columns.size(); ++c) {
    std::vector<double> at;
    for (size_t t = 0; t < rows; ++t) {
      if (noise.rows[t] == 0.0) continue;
      double nearest = std::numeric_limits<double>::infinity();
      for (size_t k = 0; k < copies; ++k) {
        if (k == except) continue;
        nearest = std::min(nearest, std::abs(value(first + t, c) - replicas(k * rows + t, c)));
      }
      at.push_back(nearest / (noise.rows[t] * std::max(noise.columns[c], kLeastOfChannel)));
    }
    result.push_back(at.empty() ? 0.0 : middle(std::move(at)));
  }
  return result;
}

}  // namespace

std::optional<Realised> measure_realised(const Matrix& value, const Matrix& replicas,
                                         const Matrix& truth) {
  const size_t rows = truth.shape(0);
  const size_t copies = replicas.shape(0) / rows;
  if (rows < kLeastPositions || copies < 2) return std::nullopt;
  const Noise noise = noise_of(replicas, truth);
  const std::vector<double> theirs = distances(value, 0, replicas, copies, noise);
  const std::vector<double> ours = distances(replicas, 0, replicas, 0, noise);
  const auto worst = std::ranges::max_element(theirs);
  return Realised{.typical = middle(theirs),
                  .worst = *worst,
                  .worst_channel = static_cast<size_t>(worst - theirs.begin()),
                  .own = *std::ranges::max_element(ours)};
}

bool departs(const Realised& realised) {
  const double usual = std::max(realised.typical, realised.own);
  return within(usual, kSharp) && !within(realised.worst, kLeastDeparture) &&
         !within(realised.worst, kDeparture * usual);
}

std::string describe(const Realised& realised) {
  return fmt::format(
      "channel {} is {:.3g} floors from every emulation of the contract at the middle position, "
      "the others {:.3g}",
      realised.worst_channel, realised.worst, realised.typical);
}

}  // namespace plumb::measure
