#include "compare/evidence/listing.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "base/errors.h"

namespace plumb::evidence {
namespace {

using base::InputError;

constexpr const char* kName = trace::kLogprobs;
constexpr const char* kIds = trace::kLogprobIds;

// The logarithm of a probability, but for what a rounding may add.
constexpr double kMost = 1e-3;

// No float32 holds a smaller probability: engines give minus infinity for it, their lowest number,
// or a logarithm of few digits.
constexpr double kLeast = -87.0;

struct Entry {
  int64_t id;
  double value;
};

void check_shapes(const std::vector<size_t>& shape, const std::vector<size_t>& ids,
                  size_t positions, const std::string& where) {
  if (shape.size() != 2 || shape[0] != positions || shape[1] == 0) {
    throw InputError(where, kName, fmt::format("has shape [{}]", fmt::join(shape, ", ")),
                     fmt::format("[{}, K] is expected, the position first", positions));
  }
  if (ids != shape) {
    throw InputError(
        where, kIds,
        fmt::format("has shape [{}], {} [{}]", fmt::join(ids, ", "), kName, fmt::join(shape, ", ")),
        "write one id for each number");
  }
}

int64_t checked_id(double id, size_t position, size_t vocab_size, const std::string& where) {
  const bool exists = id == std::floor(id) && id >= -1.0 && id < static_cast<double>(vocab_size);
  if (!exists) {
    throw InputError(where, kIds, fmt::format("lists token {:.17g} at position {}", id, position),
                     fmt::format("ids of this model are 0..{}, -1 lists nothing", vocab_size - 1));
  }
  return static_cast<int64_t>(id);
}

// One position: what is listed, in the order of the ids.
std::vector<Entry> read_row(const trace::Tensor& values, const trace::Tensor& ids, size_t position,
                            size_t vocab_size, const std::string& where) {
  std::vector<Entry> row;
  for (size_t j = 0; j < values.width(); ++j) {
    const Entry entry{checked_id(ids.row(position)[j], position, vocab_size, where),
                      values.row(position)[j]};
    if (entry.id < 0) continue;
    if (entry.value > kMost && std::isfinite(entry.value)) {
      throw InputError(where, kName,
                       fmt::format("holds {:.6g} for token {} at position {}, and a "
                                   "log-probability is 0 at most",
                                   entry.value, entry.id, position),
                       "write natural logarithms of probabilities; scores as they come from the "
                       "head are logits");
    }
    row.push_back(entry);
  }
  std::ranges::sort(row, {}, &Entry::id);
  const auto twice = std::ranges::adjacent_find(row, {}, &Entry::id);
  if (twice != row.end()) {
    throw InputError(where, kIds,
                     fmt::format("lists token {} twice at position {}", twice->id, position),
                     "list each token once");
  }
  return row;
}

// Takes out what float32 does not hold.
void set_lost_apart(std::vector<Entry>& row, size_t position, Listing& listing) {
  const auto is_lost = [](const Entry& entry) { return entry.value < kLeast; };
  for (const Entry& entry : row) {
    if (is_lost(entry)) listing.lost.push_back({position, entry.id});
  }
  std::erase_if(row, is_lost);
}

// Fills a row up to `width` with its own entries again, in order of the ids.
std::vector<Entry> repeated(const std::vector<Entry>& row, size_t width) {
  std::vector<Entry> full;
  for (size_t j = 0; j < width; ++j) full.push_back(row[j * row.size() / width]);
  return full;
}

std::vector<double> distinct_values(const RecordedLogprobs& logprobs) {
  std::vector<double> values;
  for (const double v : logprobs.values) {
    if (std::isfinite(v) && v != 0.0) values.push_back(v);
  }
  std::ranges::sort(values);
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

// How far a float32 may be off the multiple of a step that it was made of, in steps.
double rounding_of(double ratio) {
  return std::abs(ratio) * 0x1p-23 + 1e-6;
}

double off_multiple(double ratio) {
  return std::abs(ratio - std::round(ratio));
}

// A step that its producer states may have gone through some arithmetic since.
bool may_be_multiples(const std::vector<double>& values, double step) {
  constexpr double kArithmetic = 0.02;
  return std::ranges::all_of(values, [&](double v) {
    return off_multiple(v / step) <= kArithmetic + rounding_of(v / step);
  });
}

// How likely it is that numbers in full look like multiples of the step; nothing where these do
// not.
std::optional<double> chance_of_multiples(const std::vector<double>& values, double step) {
  double chance = 1.0;
  for (const double v : values) {
    const double rounding = rounding_of(v / step);
    if (off_multiple(v / step) > rounding) return std::nullopt;
    chance *= std::min(1.0, 2.0 * rounding);
  }
  return chance;
}

// What the numbers themselves tell of their print. Where they look like several, the coarsest.
Print find_print(const std::vector<double>& values) {
  constexpr double kHardlyByChance = 1e-2;
  Print print;
  if (values.empty()) return print;
  const double largest = values.front();
  const auto consider = [&](const Print& other, double chance) {
    const bool coarser = other.step_at(largest) > print.step_at(largest);
    if (chance < kHardlyByChance && coarser) print = other;
  };
  for (const double step : {1e-1, 1e-2, 1e-3, 1e-4, 1e-5}) {
    if (const auto chance = chance_of_multiples(values, step)) consider({.step = step}, *chance);
  }
  for (const base::DType dtype : {base::DType::kBF16, base::DType::kF16}) {
    const bool all =
        std::ranges::all_of(values, [&](double v) { return base::round_to(dtype, v) == v; });
    const double one = 0x1p-24 / base::unit_roundoff(dtype);
    if (!all) continue;
    consider({.in_16_bits = true, .bfloat16 = dtype == base::DType::kBF16},
             std::pow(one, static_cast<double>(values.size())));
  }
  return print;
}

}  // namespace

std::optional<RecordedLogprobs> read_logprobs(const trace::Recording& recording, size_t positions,
                                              size_t vocab_size, const std::string& where) {
  const auto recorded = trace::logprobs_of(recording);
  if (!recorded) return std::nullopt;
  const bool has_values = recorded->values.has_value();
  if (has_values != recorded->ids.has_value()) {
    throw InputError(where, has_values ? kName : kIds,
                     fmt::format("is recorded without {}", has_values ? kIds : kName),
                     "write both, one id for each number");
  }
  const trace::Tensor& values = *recorded->values;
  const trace::Tensor& ids = *recorded->ids;
  check_shapes(values.shape, ids.shape, positions, where);
  RecordedLogprobs logprobs;
  Listing& listing = logprobs.listing;
  listing.vocab_size = vocab_size;
  std::vector<std::vector<Entry>> rows;
  for (size_t t = 0; t < positions; ++t) {
    std::vector<Entry> row = read_row(values, ids, t, vocab_size, where);
    set_lost_apart(row, t, listing);
    if (row.empty()) continue;
    listing.positions.push_back(t);
    listing.counts.push_back(row.size());
    listing.width = std::max(listing.width, row.size());
    rows.push_back(std::move(row));
  }
  if (rows.empty()) return std::nullopt;
  logprobs.values = reference::make_matrix(rows.size(), listing.width);
  for (size_t r = 0; r < rows.size(); ++r) {
    const std::vector<Entry> row = repeated(rows[r], listing.width);
    for (size_t j = 0; j < row.size(); ++j) {
      listing.ids.push_back(row[j].id);
      logprobs.values(r, j) = row[j].value;
    }
  }
  const std::vector<double> numbers = distinct_values(logprobs);
  listing.print = find_print(numbers);
  if (const auto step = recorded->step) {
    if (!may_be_multiples(numbers, *step)) {
      throw InputError(
          where, "logprob_step",
          fmt::format("is {:g}, and the log-probabilities are no multiples of it", *step),
          "write the step to which they were printed, or nothing");
    }
    listing.print = {.step = *step};
  }
  return logprobs;
}

void check_agreement(const RecordedLogprobs& logprobs, const Matrix& logits,
                     const std::string& where) {
  constexpr double kFloat32 = 1e-5;
  const Listing& listing = logprobs.listing;
  const Matrix right = log_softmax(logits, logits.shape(0), listing);
  for (size_t r = 0; r < right.shape(0); ++r) {
    const auto scores = reference::row(logits, listing.positions[r]);
    const double most = *std::ranges::max_element(scores);
    for (size_t j = 0; j < right.shape(1); ++j) {
      const double size = 1.0 + std::abs(right(r, j)) + std::abs(most);
      const double allowed =
          listing.print.step + (listing.print.in_16_bits ? 0x1p-7 : kFloat32) * size;
      const double difference = std::abs(logprobs.values(r, j) - right(r, j));
      if (difference <= allowed || std::isnan(difference)) continue;
      throw InputError(
          where, kName,
          fmt::format("has {:.6g} for token {} at position {}, where the logits beside "
                      "it give {:.6g}",
                      logprobs.values(r, j), listing.row(r)[j], listing.positions[r], right(r, j)),
          "record both from one forward, or one of them");
    }
  }
}

}  // namespace plumb::evidence
