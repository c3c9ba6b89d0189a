// What a candidate shows of its logits: all of them, or log-probabilities of some tokens.
//
// Log-probabilities are compared in coordinates of their own. A softmax puts the error of a likely
// token on every other's logarithm, so that one number would count as often as there are tokens. So
// of each position the listed values count less their mean, which leaves differences of logits, and
// then that mean counts, as one number more. Nothing is lost: truth, replicas, replays and faults
// all go through the log-softmax at the listed tokens and into the same coordinates.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "compare/measure/statistics.h"
#include "graph/contract.h"

namespace plumb::measure {

// How a producer's numbers were printed.
struct Print {
  double step = 0.0;        // all are multiples of it; 0: printed in full
  bool in_16_bits = false;  // each is a bfloat16, or each a float16
  bool bfloat16 = false;    // which

  double step_at(double value) const;
};

// Which tokens are listed at which positions.
struct Listing {
  std::vector<size_t> positions;  // [R] that list any, in order
  size_t width = 0;               // K
  // [R, K] ids in order. A row that lists fewer repeats some of its own, so that it weighs as much.
  std::vector<int64_t> ids;
  std::vector<size_t> counts;  // [R] different ids
  // Tokens without a number: float32 does not hold their probability.
  struct Lost {
    size_t position;
    int64_t token;
  };
  std::vector<Lost> lost;
  size_t vocab_size = 0;
  Print print;

  std::span<const int64_t> row(size_t r) const { return std::span(ids).subspan(r * width, width); }
  // Every token of the vocabulary at every position that lists any: columns are tokens.
  bool complete() const;
};

double log_sum_exp(std::span<const double> x);

// log-softmax of each row at the tokens that `listing` has there: [copies * R, K] from the logits
// of copies of a run, [copies * T, V].
Matrix log_softmax(const Matrix& logits, size_t tokens, const Listing& listing);

class Readout {
 public:
  // Logits as they are.
  Readout() = default;
  explicit Readout(Listing listing) : listing_(std::move(listing)) {}

  bool is_listing() const { return listing_.has_value(); }
  const Listing& listing() const { return *listing_; }
  // Do all columns stand for the same thing at each position?
  bool has_channels() const { return !is_listing() || listing_->complete(); }

  size_t position(size_t row) const { return is_listing() ? listing_->positions[row] : row; }
  std::optional<size_t> row_of(size_t position) const;

  // Of the first positions alone.
  Readout first(size_t positions) const;
  size_t rows(size_t positions) const;  // that stand for these

  // Of the logits of copies of a run of `tokens` tokens.
  Matrix of(const Matrix& logits, size_t tokens) const;
  // Of one position's logits: row `row` of what is shown.
  std::vector<double> row(std::vector<double> logits, size_t row) const;
  // The same as an engine of this contract reports it: the roundings of a log-softmax and of its
  // print, with noise from `seed`.
  Matrix reported(const Matrix& logits, size_t tokens, const graph::Contract& contract,
                  uint64_t seed) const;
  // Of log-probabilities [copies * R, K].
  Matrix coordinates(const Matrix& logprobs) const;
  // Indices of `ratios` as positions and tokens; `columns` becomes how many there are of these, the
  // mean's place behind them.
  Ratios in_words(Ratios ratios, size_t& columns) const;

 private:
  size_t columns() const;
  void coordinates(std::span<const double> logprobs, size_t row, std::span<double> made) const;

  std::optional<Listing> listing_;
};

}  // namespace plumb::measure
