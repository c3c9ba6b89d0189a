#include "compare/measure/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "base/errors.h"

namespace plumb::measure {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The parts of the guard that keep a floor from being believed too small. A tap that a precision
// keeps exact has no noise: 0.02 roundings stand in for it. The noise of a row has parts that few
// replicas sample (the error of a norm's mean is common to it): 0.8 of the tap's floor, scaled with
// the row's energy, stands in for those. Measured: docs/judgement.md, "The noise floor".
constexpr double kExactTap = 0.02;
constexpr double kSharedNoise = 0.8;

// A channel is off when it is off at many positions: one loud element, which the gates on positions
// and elements see, counts no more than this in its channel.
constexpr double kOneElement = 6.0;

double finite_or_infinity(double x) {
  return std::isfinite(x) ? x : kInfinity;
}

double cosine(std::span<const double> a, std::span<const double> b) {
  double ab = 0.0;
  double aa = 0.0;
  double bb = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  if (aa == 0.0 && bb == 0.0) return 1.0;
  const double result = ab / std::sqrt(aa * bb);
  return std::isfinite(result) ? result : -1.0;
}

double log_sum_exp(std::span<const double> x) {
  const double most = *std::max_element(x.begin(), x.end());
  double sum = 0.0;
  for (const double v : x) sum += std::exp(v - most);
  return most + std::log(sum);
}

// 0 / 0 is no difference; anything else over nothing is beyond all bounds.
double ratio(double value, double floor) {
  if (value == 0.0) return 0.0;
  return finite_or_infinity(value / floor);
}

// Mean squares of each position of `value` - `truth` (of `value` itself without one), averaged over
// `count` copies that stand one under another.
std::vector<double> row_mean_squares(const Matrix& value, const Matrix* truth, size_t count) {
  const size_t rows = value.shape(0) / count;
  const size_t columns = value.shape(1);
  std::vector<double> squares(rows, 0.0);
  for (size_t t = 0; t < value.shape(0); ++t) {
    double sum = 0.0;
    for (size_t j = 0; j < columns; ++j) {
      const double d = value(t, j) - (truth != nullptr ? (*truth)(t % rows, j) : 0.0);
      sum += d * d;
    }
    squares[t % rows] += finite_or_infinity(sum / static_cast<double>(columns * count));
  }
  return squares;
}

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// What a variance estimated on `count` samples is at least a share of, but once in twenty times
// (Wilson & Hilferty: the cube root of a sum of squares is normal). A first look takes the estimate
// as it is: what stands out there is looked at again.
double least_share(size_t count, bool confirms) {
  constexpr double kOnceInTwenty = 1.645;
  if (!confirms) return 1.0;
  const double v = 2.0 / (9.0 * static_cast<double>(count - 1));
  const double root = 1.0 - v - kOnceInTwenty * std::sqrt(v);
  return root * root * root;
}

// A sum of n squares of normal deviates has a variance of 2 / n of its mean's square. Few replicas
// may show too little of that variance: what it may be at most counts.
double freedom(std::span<const double> mean_squares, bool confirms) {
  const double center = mean(mean_squares);
  double variance = 0.0;
  for (const double v : mean_squares) variance += (v - center) * (v - center);
  variance /= static_cast<double>(mean_squares.size() - 1);
  return variance > 0.0
             ? 2.0 * center * center / variance * least_share(mean_squares.size(), confirms)
             : kInfinity;
}

// z = |value - truth| / floor; gives the sum of squares of the differences themselves.
double whiten(std::span<const double> value, std::span<const double> truth, double floor,
              std::span<double> z) {
  double squares = 0.0;
  for (size_t j = 0; j < z.size(); ++j) {
    const double d = finite_or_infinity(std::abs(value[j] - truth[j]));
    squares += d * d;
    z[j] = ratio(d, floor);
  }
  return squares;
}

}  // namespace

Metrics measure(const Matrix& value, const Matrix& truth) {
  Metrics m;
  double largest = 0.0;
  double squares = 0.0;
  double truth_squares = 0.0;
  for (size_t i = 0; i < truth.size(); ++i) {
    const double d = value.data()[i] - truth.data()[i];
    // max() would drop a NaN; !(<=) does not.
    if (!(std::abs(d) <= m.max_abs)) m.max_abs = finite_or_infinity(std::abs(d));
    largest = std::max(largest, std::abs(truth.data()[i]));
    squares += d * d;
    truth_squares += truth.data()[i] * truth.data()[i];
  }
  m.max_rel = ratio(m.max_abs, largest);
  m.rms = finite_or_infinity(std::sqrt(squares / static_cast<double>(truth.size())));
  m.nmse = ratio(finite_or_infinity(squares), truth_squares);
  for (size_t t = 0; t < truth.shape(0); ++t) {
    m.cosine = std::min(m.cosine, cosine(reference::row(value, t), reference::row(truth, t)));
  }
  return m;
}

double mean_kl_divergence(const Matrix& value, const Matrix& truth) {
  double total = 0.0;
  for (size_t t = 0; t < truth.shape(0); ++t) {
    const auto q = reference::row(value, t);
    const auto p = reference::row(truth, t);
    const double q_norm = log_sum_exp(q);
    const double p_norm = log_sum_exp(p);
    for (size_t j = 0; j < p.size(); ++j) {
      const double log_p = p[j] - p_norm;
      total += std::exp(log_p) * (log_p - (q[j] - q_norm));
    }
  }
  return finite_or_infinity(total / static_cast<double>(truth.shape(0)));
}

std::vector<double> noise_of_rows(const Matrix& replicas, const Matrix& truth) {
  return row_mean_squares(replicas, &truth, replicas.shape(0) / truth.shape(0));
}

Floor measure_floor(const Matrix& replicas, const Matrix& truth, double unit_roundoff,
                    std::span<const double> dithered, bool confirms) {
  const size_t rows = truth.shape(0);
  const size_t columns = truth.shape(1);
  const size_t count = replicas.shape(0) / rows;
  base::ensure(replicas.shape(0) == count * rows && replicas.shape(1) == columns,
               "replicas are whole copies of the truth's shape");
  const std::vector<double> signal = row_mean_squares(truth, nullptr, 1);
  std::vector<double> noise = noise_of_rows(replicas, truth);
  for (size_t t = 0; t < dithered.size(); ++t) {
    if (std::isfinite(dithered[t])) noise[t] = std::max(noise[t], dithered[t]);
  }
  const double all_signal = mean(signal);
  const double exact = kExactTap * unit_roundoff;
  const double all_noise = std::max(mean(noise), exact * exact * all_signal);

  Floor floor{.rms = std::sqrt(all_noise)};
  for (size_t t = 0; t < rows; ++t) {
    const double shared =
        kSharedNoise * kSharedNoise * all_noise * std::min(1.0, ratio(signal[t], all_signal));
    floor.rows.push_back(std::sqrt(std::max(noise[t], shared)));
  }
  floor.loudness = measure_loudness(replicas, truth, floor.rows);
  Matrix squares = reference::make_matrix(count, columns);  // mean whitened ones of each replica
  squares.fill(0.0);
  for (size_t t = 0; t < replicas.shape(0); ++t) {
    const double noise_of_row = floor.rows[t % rows];
    const double unit = noise_of_row > 0.0 ? 1.0 / noise_of_row : 0.0;
    const auto sums = reference::row(squares, t / rows);
    const auto replica = reference::row(replicas, t);
    const auto center = reference::row(truth, t % rows);
    for (size_t j = 0; j < columns; ++j) {
      const double z = (replica[j] - center[j]) * unit;
      sums[j] += z * z / static_cast<double>(rows);
    }
  }
  std::vector<double> whole(count);
  for (size_t k = 0; k < count; ++k) whole[k] = mean(reference::row(std::as_const(squares), k));
  std::vector<double> channel(count);
  for (size_t j = 0; j < columns; ++j) {
    for (size_t k = 0; k < count; ++k) channel[k] = squares(k, j);
    floor.columns.push_back(mean(channel));
    floor.column_freedom = std::min(floor.column_freedom, freedom(channel, confirms));
  }
  floor.freedom = freedom(whole, confirms);
  floor.farthest = std::sqrt(*std::ranges::max_element(whole));
  for (double& column : floor.columns) column = std::max(std::sqrt(column), kSharedNoise);
  return floor;
}

Ratios over_floor(const Matrix& value, const Matrix& truth, const Floor& floor) {
  base::ensure(value.shape() == truth.shape(), "values compared have one shape");
  const size_t rows = truth.shape(0);
  const size_t columns = truth.shape(1);
  Ratios ratios;
  const auto keep = [](double r, size_t at, double& worst, size_t& where) {
    if (r > worst) {
      worst = r;
      where = at;
    }
  };
  double plain = 0.0;
  double whitened = 0.0;
  std::vector<double> by_column(columns, 0.0);
  std::vector<double> z(columns);
  for (size_t t = 0; t < rows; ++t) {
    plain += whiten(reference::row(value, t), reference::row(truth, t), floor.rows[t], z);
    double by_row = 0.0;
    for (size_t j = 0; j < columns; ++j) {
      by_row += z[j] * z[j];
      by_column[j] += std::min(z[j] * z[j], kOneElement * kOneElement);
      // Most elements need not be looked up.
      if (z[j] <= ratios.element) continue;
      keep(z[j] / std::max({1.0, floor.columns[j], floor.loudness.of(t * columns + j)}),
           t * columns + j, ratios.element, ratios.worst_element);
    }
    if (columns > 1) {
      const Peak peak = find_peak(z, reference::row(truth, t), floor.rows[t], floor.loudness, t);
      keep(peak.value, t * columns + peak.column, ratios.peak, ratios.worst_peak);
    }
    whitened += by_row;
    keep(std::sqrt(by_row / static_cast<double>(columns)), t, ratios.row, ratios.worst_row);
  }
  const auto count = static_cast<double>(truth.size());
  ratios.plain = ratio(std::sqrt(plain / count), floor.rms);
  ratios.whitened = std::sqrt(whitened / count);
  for (size_t j = 0; j < columns; ++j) {
    keep(std::sqrt(by_column[j] / static_cast<double>(rows)) / floor.columns[j], j, ratios.column,
         ratios.worst_column);
  }
  return ratios;
}

}  // namespace plumb::measure
