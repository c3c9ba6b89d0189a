#include "compare/measure/readout.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"

namespace plumb::measure {
namespace {

// With so few tokens their common part is no small share of them: they count as they are.
constexpr size_t kFewTokens = 4;

// The log-softmax of one position as an engine computes it in float32, whatever its model computes
// in: the roundings of each difference, and of a sum over the vocabulary in the worst usual order
// (docs/judgement.md, "The noise floor").
class Float32Softmax {
 public:
  Float32Softmax(std::span<const double> logits, uint64_t key) {
    most_ = *std::max_element(logits.begin(), logits.end());
    double sum = 0.0;
    double squares = 0.0;
    for (const double v : logits) {
      const double e = round(std::exp(round(v - most_)));
      sum += e;
      squares += e * e;
    }
    const auto n = static_cast<double>(logits.size());
    constexpr double kRounding = 0.425 * 0x1p-24;
    const double variance = n * sum * sum / 3.0 + (n * squares - sum * sum) / 6.0;
    const double noise = kRounding * std::sqrt(std::max(variance, 0.0));
    log_sum_ = round(std::log(round(sum + noise * base::random_normal(key, 0))));
  }

  double operator()(double logit) const { return round(round(logit - most_) - log_sum_); }

 private:
  static double round(double v) { return base::round_to(base::DType::kF32, v); }

  double most_ = 0.0;
  double log_sum_ = 0.0;
};

// What the print may have moved a number by, at random: engines that print nearest all move it
// alike, and what comes of that may by chance be small.
double print_noise(const Print& print, double value, uint64_t key, uint64_t counter) {
  const double step = print.step_at(value);
  return step == 0.0 ? 0.0 : step * (base::random_uniform(key, counter) - 0.5);
}

}  // namespace

double log_sum_exp(std::span<const double> x) {
  const double most = *std::max_element(x.begin(), x.end());
  double sum = 0.0;
  for (const double v : x) sum += std::exp(v - most);
  return most + std::log(sum);
}

double Print::step_at(double value) const {
  if (!in_16_bits || value == 0.0 || !std::isfinite(value)) return step;
  const int bits = bfloat16 ? 8 : 11;
  return std::max(step, std::ldexp(1.0, std::ilogb(value) + 1 - bits));
}

bool Listing::complete() const {
  return width == vocab_size &&
         std::ranges::all_of(counts, [&](size_t count) { return count == vocab_size; });
}

Matrix log_softmax(const Matrix& logits, size_t tokens, const Listing& listing) {
  const size_t rows = listing.positions.size();
  const size_t copies = logits.shape(0) / tokens;
  Matrix made = reference::make_matrix(copies * rows, listing.width);
  for (size_t k = 0; k < copies; ++k) {
    for (size_t r = 0; r < rows; ++r) {
      const auto row = reference::row(logits, k * tokens + listing.positions[r]);
      const double norm = log_sum_exp(row);
      const auto ids = listing.row(r);
      const auto to = reference::row(made, k * rows + r);
      for (size_t j = 0; j < ids.size(); ++j) to[j] = row[static_cast<size_t>(ids[j])] - norm;
    }
  }
  return made;
}

std::optional<size_t> Readout::row_of(size_t position) const {
  if (!is_listing()) return position;
  const auto& positions = listing_->positions;
  const auto found = std::ranges::lower_bound(positions, position);
  if (found == positions.end() || *found != position) return std::nullopt;
  return static_cast<size_t>(found - positions.begin());
}

size_t Readout::rows(size_t positions) const {
  if (!is_listing()) return positions;
  return static_cast<size_t>(std::ranges::lower_bound(listing_->positions, positions) -
                             listing_->positions.begin());
}

Readout Readout::first(size_t positions) const {
  Readout part = *this;
  if (!is_listing()) return part;
  const size_t kept = rows(positions);
  part.listing_->positions.resize(kept);
  part.listing_->counts.resize(kept);
  part.listing_->ids.resize(kept * listing_->width);
  std::erase_if(part.listing_->lost,
                [&](const Listing::Lost& lost) { return lost.position >= positions; });
  return part;
}

Matrix Readout::of(const Matrix& logits, size_t tokens) const {
  return is_listing() ? coordinates(log_softmax(logits, tokens, *listing_)) : logits;
}

Matrix Readout::reported(const Matrix& logits, size_t tokens, const graph::Contract& contract,
                         uint64_t seed) const {
  if (!is_listing()) return logits;
  const size_t rows = listing_->positions.size();
  const bool in_full = contract.storage == base::DType::kF64;
  Matrix made = log_softmax(logits, tokens, *listing_);
  for (size_t i = 0; i < made.shape(0); ++i) {
    const auto row = reference::row(logits, i / rows * tokens + listing_->positions[i % rows]);
    const uint64_t key = base::random_bits(base::stream_key(seed, "log-softmax"), i);
    const auto to = reference::row(made, i);
    const auto ids = listing_->row(i % rows);
    if (!in_full) {
      const Float32Softmax softmax(row, key);
      for (size_t j = 0; j < to.size(); ++j) to[j] = softmax(row[static_cast<size_t>(ids[j])]);
    }
    for (size_t j = 0; j < to.size(); ++j) {
      to[j] += print_noise(listing_->print, to[j], key, 1 + static_cast<uint64_t>(ids[j]));
    }
  }
  return coordinates(made);
}

std::vector<double> Readout::row(std::vector<double> logits, size_t row) const {
  if (!is_listing()) return logits;
  const double norm = log_sum_exp(logits);
  std::vector<double> logprobs;
  for (const int64_t id : listing_->row(row)) {
    logprobs.push_back(logits[static_cast<size_t>(id)] - norm);
  }
  std::vector<double> made(columns());
  coordinates(logprobs, row, made);
  return made;
}

size_t Readout::columns() const {
  return listing_->width + (listing_->width < kFewTokens ? 0 : 1);
}

void Readout::coordinates(std::span<const double> logprobs, size_t row,
                          std::span<double> made) const {
  const size_t width = listing_->width;
  std::ranges::copy(logprobs, made.begin());
  if (made.size() == width) return;
  const auto ids = listing_->row(row);
  double sum = 0.0;
  for (size_t j = 0; j < width; ++j) {
    if (j == 0 || ids[j] != ids[j - 1]) sum += logprobs[j];
  }
  made[width] = sum / static_cast<double>(listing_->counts[row]);
  for (size_t j = 0; j < width; ++j) made[j] -= made[width];
}

Matrix Readout::coordinates(const Matrix& logprobs) const {
  Matrix made = reference::make_matrix(logprobs.shape(0), columns());
  const size_t rows = listing_->positions.size();
  for (size_t i = 0; i < logprobs.shape(0); ++i) {
    coordinates(reference::row(logprobs, i), i % rows, reference::row(made, i));
  }
  return made;
}

Ratios Readout::in_words(Ratios ratios, size_t& columns) const {
  if (!is_listing()) return ratios;
  const size_t tokens = listing_->vocab_size;
  for (size_t* element : {&ratios.worst_element, &ratios.worst_peak}) {
    const size_t row = *element / columns;
    const size_t column = *element % columns;
    const size_t token =
        column < listing_->width ? static_cast<size_t>(listing_->row(row)[column]) : tokens;
    *element = position(row) * (tokens + 1) + token;
  }
  ratios.worst_row = position(ratios.worst_row);
  columns = tokens + 1;
  return ratios;
}

}  // namespace plumb::measure
