// How far one tensor is off another, and that beside what a precision makes by itself.
//
// Nothing here hides a NaN: a difference that is not finite makes every number of it infinite, and
// no comparison of a NaN passes, because the gates ask "not within" (gates.h).
#pragma once

#include <limits>
#include <span>
#include <vector>

#include "compare/measure/loudness.h"
#include "reference/matrix.h"

namespace plumb::measure {

using reference::Matrix;

// Descriptive figures: reported, never judged.
struct Metrics {
  double max_abs = 0.0;
  double max_rel = 0.0;  // max|a - b| / max|b|
  double rms = 0.0;
  double nmse = 0.0;
  double cosine = 1.0;  // the smallest over positions
};
Metrics measure(const Matrix& value, const Matrix& truth);

// Mean over positions of KL(softmax(truth) || softmax(value)), in nats.
double mean_kl_divergence(const Matrix& value, const Matrix& truth);

// What a precision makes of a tap by itself, measured on replicas.
//
// Positions differ much in how loud their noise is, and one loud position can drown all others; so
// every difference is first put in units of its position's noise ("whitened"), and whatever is
// judged is judged in those units.
struct Floor {
  double rms = 0.0;             // RMS of the noise over all elements, for the report
  std::vector<double> rows;     // RMS of the noise of each position
  std::vector<double> columns;  // RMS over positions of the whitened noise of each channel; about 1
  Loudness loudness;            // of single elements
  // How many independent normal deviates the mean square of the whitened noise has, and that of the
  // channel with the fewest: one rounding of a rope's frequency moves a channel at all positions.
  double freedom = std::numeric_limits<double>::infinity();
  double column_freedom = std::numeric_limits<double>::infinity();
  double farthest = 0.0;  // RMS of the whitened noise of the replica with the most
};

// `replicas` holds the replicas' values one under another; each is held against `truth`.
// `unit_roundoff` guards taps that the precision keeps exact. `dithered` are mean squares of the
// positions' noise as independent roundings make it: replicas that round to nearest decide alike,
// all of them are one sample then, and it may by chance be small. Where a failure stands on it
// (`confirms`), few replicas may have shown too little of how the noise varies.
Floor measure_floor(const Matrix& replicas, const Matrix& truth, double unit_roundoff,
                    std::span<const double> dithered = {}, bool confirms = false);

// Mean squares of the noise of each position.
std::vector<double> noise_of_rows(const Matrix& replicas, const Matrix& truth);

// A difference over the floor.
struct Ratios {
  double plain = 0.0;     // RMS over the floor's RMS: "floor_ratio", reported
  double whitened = 0.0;  // RMS of the whitened difference
  double row = 0.0;       // of the worst position
  size_t worst_row = 0;
  double column = 0.0;  // of the worst channel, over that channel's floor
  size_t worst_column = 0;
  double element =
      0.0;  // the worst whitened element, over its channel's or its own floor where that is above 1
  size_t worst_element = 0;
  // The worst element over the RMS of the others at its position, each in units of its own noise.
  double peak = 0.0;
  size_t worst_peak = 0;
};
Ratios over_floor(const Matrix& value, const Matrix& truth, const Floor& floor);

}  // namespace plumb::measure
