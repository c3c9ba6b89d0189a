// Elements whose noise is louder than that of their position.
#pragma once

#include <cstddef>
#include <span>
#include <unordered_map>
#include <vector>

#include "reference/matrix.h"

namespace plumb::measure {

// All of it in units of the positions' floors.
struct Loudness {
  // Of the elements whose noise is more than twice their position's, by index: where a norm divides
  // by little, a part of a row is louder than the row.
  std::unordered_map<size_t, double> loud;
  // Noise in proportion to an element's own value, divided by it: what scales a row (a norm's
  // mean), and a long sum of one sign. It shows in elements far larger than their position's
  // others, as a token's own logit is under a tied head. One element's replicas sample it badly, so
  // it is that of all positions; in absolute numbers.
  double proportional = 0.0;
  // Of each position, RMS of the noise of its other elements over that of all.
  std::vector<double> ordinary;

  // Of an element; 0 where it is no louder than twice its position.
  double of(size_t element) const;
  // The same of the last `count` positions alone, each of so many columns.
  Loudness last_rows(size_t count, size_t columns) const;
};

// `replicas` hold the replicas' values one under another, `rows` is the floor of each position.
Loudness measure_loudness(const reference::Matrix& replicas, const reference::Matrix& truth,
                          std::span<const double> rows);

// The worst element of position t over the RMS of the others, each in units of its own noise.
// `z` are the position's differences over its floor, which is `unit`.
struct Peak {
  double value = 0.0;
  size_t column = 0;
};
Peak find_peak(std::span<const double> z, std::span<const double> truth, double unit,
               const Loudness& loudness, size_t t);

}  // namespace plumb::measure
