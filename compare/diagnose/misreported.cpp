#include "compare/diagnose/misreported.h"

#include <fmt/format.h>

#include <cmath>
#include <numeric>

#include "compare/measure/gates.h"

namespace plumb::diagnose {
namespace {

using evidence::kLogits;
using measure::global_limits;
using measure::Listing;
using measure::log_sum_exp;
using measure::over_floor;
using measure::within;

Matrix scaled(Matrix value, double factor) {
  for (double& v : value) v *= factor;
  return value;
}

double mean(std::span<const double> row) {
  return std::accumulate(row.begin(), row.end(), 0.0) / static_cast<double>(row.size());
}

// The truth with a number added to each position, so that its mean is the recorded one's: that
// stands behind the `width` differences (compare/measure/readout.h), or they are no differences.
Matrix moved_to(const Matrix& value, const Matrix& truth, size_t width) {
  Matrix moved = truth;
  for (size_t r = 0; r < truth.shape(0); ++r) {
    if (truth.shape(1) > width) {
      moved(r, width) = value(r, width);
      continue;
    }
    const double by = mean(reference::row(value, r)) - mean(reference::row(truth, r));
    for (double& v : reference::row(moved, r)) v += by;
  }
  return moved;
}

// The logarithm of what the listed probabilities of each position add up to.
std::vector<double> totals_of(const Recorded& recorded) {
  const Listing& listing = recorded.readout().listing();
  std::vector<double> totals;
  for (size_t r = 0; r < listing.positions.size(); ++r) {
    const auto ids = listing.row(r);
    std::vector<double> once;
    for (size_t j = 0; j < ids.size(); ++j) {
      if (j == 0 || ids[j] != ids[j - 1]) once.push_back(recorded.logprobs()(r, j));
    }
    totals.push_back(log_sum_exp(once));
  }
  return totals;
}

Matrix logits_at(const Listing& listing, const Matrix& logits) {
  Matrix listed = reference::make_matrix(listing.positions.size(), listing.width);
  for (size_t r = 0; r < listed.shape(0); ++r) {
    for (size_t j = 0; j < listed.shape(1); ++j) {
      listed(r, j) = logits(listing.positions[r], static_cast<size_t>(listing.row(r)[j]));
    }
  }
  return listed;
}

// Each position is right but for a number of its own. Only what no softmax makes is told: of a part
// of the tokens, an error of the others moves the sum as well.
std::optional<Misrecording> find_normalisation(const Recorded& recorded, const Matrix& logits,
                                               const Floor& floor, base::DType storage) {
  const Listing& listing = recorded.readout().listing();
  const Matrix raw = logits_at(listing, logits);
  const std::vector<double> totals = totals_of(recorded);
  bool are_raw = true;
  bool add_up = true;
  bool beyond = false;
  for (size_t r = 0; r < totals.size(); ++r) {
    const auto shown = reference::row(recorded.logprobs(), r);
    const double size = std::abs(mean(shown)) + std::abs(totals[r]);
    const double noise = kSameTensor * (floor.rows[r] + base::unit_roundoff(storage) * size);
    are_raw &= std::abs(mean(shown) - mean(reference::row(raw, r))) <= noise;
    add_up &= std::abs(totals[r]) <= noise;
    beyond |= totals[r] > noise;
  }
  if (are_raw) {
    return Misrecording{"logits", "holds logits, not their log-softmax: record them as `logits`"};
  }
  if (add_up && !listing.complete()) {
    return Misrecording{
        "normalised_over_listed",
        fmt::format("holds probabilities of {} tokens that add up to 1, as if there were no others",
                    listing.width)};
  }
  if (beyond || (listing.complete() && !add_up)) {
    return Misrecording{"not_normalised",
                        "holds probabilities that do not add up to 1: each position adds a number "
                        "of its own to the log-softmax"};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Misrecording> find_misreported(const Recorded& recorded, const Matrix& logits,
                                             const Matrix& truth, const Floor& floor,
                                             base::DType storage) {
  const Matrix& value = recorded.at(kLogits);
  const measure::GateLimits limits = global_limits(storage, floor);
  if (!recorded.finite(kLogits) || within(over_floor(value, truth, floor), limits)) {
    return std::nullopt;
  }
  for (const int base : {2, 10}) {
    const Matrix natural = scaled(value, std::log(base));
    if (!within(over_floor(natural, truth, floor), limits)) continue;
    return Misrecording{"log_base",
                        fmt::format("holds logarithms to base {}, and natural ones are due", base)};
  }
  const Matrix moved = moved_to(value, truth, recorded.readout().listing().width);
  if (!within(over_floor(value, moved, floor), limits)) return std::nullopt;
  return find_normalisation(recorded, logits, floor, storage);
}

}  // namespace plumb::diagnose
