#include "compare/evidence/recorded.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/errors.h"
#include "compare/evidence/listing.h"
#include "compare/measure/tokens.h"
#include "reference/state.h"

namespace plumb::evidence {
namespace {

using measure::best_token;
using trace::Tap;
using trace::TapId;

size_t product(const std::vector<size_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), size_t{1}, std::multiplies<>());
}

// Engines split a row differently ([T, heads * dim] or [T, heads, dim]); its elements are the same.
bool same_rows(const std::vector<size_t>& a, const std::vector<size_t>& b) {
  return !a.empty() && a[0] == b[0] && product(a) == product(b);
}

// A latent cache stands under the names of keys and values: its shape tells it from them.
const graph::StateTensor& as_kept(const graph::Graph& graph, const graph::StateTensor& named,
                                  const std::vector<size_t>& shape) {
  constexpr std::pair<TapId, TapId> kLatents[] = {{TapId::kStateK, TapId::kStateLatent},
                                                  {TapId::kStateV, TapId::kStateLatentRope}};
  for (const auto& [name, latent] : kLatents) {
    const graph::StateTensor* const other = graph.find_state({latent, named.tap.layer});
    if (named.tap.id != name || other == nullptr || shape.size() != 3) continue;
    if (shape[1] == 1 && shape[2] == other->width()) return *other;
  }
  return named;
}

bool is_of_choice(const Tap& tap) {
  return is_choice(tap) || tap.id == TapId::kRouterWeights;
}

// "[40, 97] is expected, the position first", and what to do where it is plain.
std::string mend_of(const std::vector<size_t>& shape, const std::vector<size_t>& expected) {
  std::string mend = fmt::format("[{}] is expected, the position first", fmt::join(expected, ", "));
  const bool has_batch =
      shape.size() > 1 && shape[0] == 1 && same_rows({shape.begin() + 1, shape.end()}, expected);
  return has_batch ? mend + ": drop the batch axis" : mend;
}

bool is_miscount(const std::vector<size_t>& a, const std::vector<size_t>& b) {
  return a.size() == 2 && a[0] == b[0] && a[1] != b[1];
}

}  // namespace

Tap end_of(const graph::Graph& graph) {
  if (graph.find(kLogits)) return kLogits;
  const auto last = std::ranges::find_if(graph.values.rbegin(), graph.values.rend(),
                                         [](const graph::Value& v) { return !v.taps.empty(); });
  base::ensure(last != graph.values.rend(), "a graph has a tap");
  return last->taps.front();
}

Recorded::Recorded(const graph::Graph& graph, const trace::Recording& recording, size_t positions,
                   const std::string& where, size_t before) {
  for (const Tap& tap : recording.taps()) {
    if (const graph::StateTensor* const state = graph.find_state(tap)) {
      read_state(as_kept(graph, *state, recording.shape(tap)), tap, recording, positions + before,
                 where);
      continue;
    }
    if (!graph.find(tap)) {
      ignored_.push_back(tap.name());
      continue;
    }
    const std::vector<size_t> expected = graph.tap_shape(tap, positions);
    const std::vector<size_t> shape = recording.shape(tap);
    if (is_of_choice(tap) && is_miscount(shape, expected)) {
      miscounts_.push_back({tap, static_cast<int>(shape[1]), static_cast<int>(expected[1])});
      continue;
    }
    if (!same_rows(shape, expected)) {
      throw base::InputError(where, tap.name(),
                             fmt::format("has shape [{}]", fmt::join(shape, ", ")),
                             mend_of(shape, expected));
    }
    const trace::Tensor tensor = recording.read(tap);
    Matrix& value = values_[tap];
    value = reference::make_matrix(positions, product(expected) / positions);
    std::copy(tensor.values.begin(), tensor.values.end(), value.data());
  }
  read_listing(graph, recording, positions, where);
  for (const graph::Op& op : graph.ops) {
    if (const auto* route = std::get_if<graph::Route>(&op.kind)) {
      order_experts(where, route->router.num_experts, op.layer);
    }
  }
}

// Beside logits they say nothing new: only that they agree is checked.
void Recorded::read_listing(const graph::Graph& graph, const trace::Recording& recording,
                            size_t positions, const std::string& where) {
  auto logprobs = read_logprobs(recording, positions, static_cast<size_t>(graph.vocab_size), where);
  if (!logprobs) return;
  if (has(kLogits)) return check_agreement(*logprobs, at(kLogits), where);
  readout_ = Readout(std::move(logprobs->listing));
  logprobs_ = std::move(logprobs->values);
  values_[kLogits] = readout_.coordinates(logprobs_);
}

void Recorded::read_state(const graph::StateTensor& tensor, const Tap& tap,
                          const trace::Recording& recording, size_t positions,
                          const std::string& where) {
  const std::vector<size_t> shape = recording.shape(tap);
  std::vector<size_t> expected(tensor.axes.begin(), tensor.axes.end());
  // The rows of a cache are as many as are kept; a convolution's inputs stand by channel.
  const size_t kept = tensor.per_position && !shape.empty() ? shape[0] : tensor.rows;
  const bool conv = !tensor.per_position && tensor.axes.size() == 1;
  expected.insert(conv ? expected.end() : expected.begin(), kept);
  if (shape != expected || kept > positions + (tensor.per_position ? 0 : kept)) {
    throw base::InputError(where, tap.name(), fmt::format("has shape [{}]", fmt::join(shape, ", ")),
                           fmt::format("[{}] is expected, at most {} positions",
                                       fmt::join(expected, ", "), positions));
  }
  states_[tensor.tap] = reference::from_trace(tensor, recording.read(tap));
}

// Which of the chosen experts is named first is nobody's business: both sides are sorted by id.
void Recorded::order_experts(const std::string& where, int num_experts, int layer) {
  const auto ids = values_.find(Tap{TapId::kRouterIds, layer});
  if (ids == values_.end()) return;
  const auto weights = values_.find(Tap{TapId::kRouterWeights, layer});
  for (size_t t = 0; t < ids->second.shape(0); ++t) {
    const auto row = reference::row(ids->second, t);
    for (const double id : row) {
      if (!(id >= 0.0 && id < num_experts) || id != std::floor(id)) {
        throw base::InputError(where, ids->first.name(),
                               fmt::format("names expert {} at position {}", id, t),
                               fmt::format("experts are 0..{}", num_experts - 1));
      }
    }
    std::vector<size_t> order(row.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return row[a] < row[b]; });
    const auto apply = [&](std::span<double> values) {
      const std::vector<double> before(values.begin(), values.end());
      for (size_t i = 0; i < order.size(); ++i) values[i] = before[order[i]];
    };
    if (weights != values_.end()) apply(reference::row(weights->second, t));
    apply(row);
  }
}

bool Recorded::finite(const Tap& tap) const {
  const Matrix& value = at(tap);
  return std::all_of(value.data(), value.data() + value.size(),
                     [](double v) { return std::isfinite(v); });
}

bool Recorded::finite() const {
  return std::all_of(values_.begin(), values_.end(),
                     [this](const auto& value) { return finite(value.first); });
}

Recorded Recorded::first(size_t positions) const {
  Recorded part = *this;
  part.states_.clear();
  const size_t rows = readout_.rows(positions);
  for (auto& [tap, value] : part.values_) {
    value = reference::rows_of(value, 0, tap == kLogits ? rows : positions);
  }
  part.readout_ = readout_.first(positions);
  if (readout_.is_listing()) part.logprobs_ = reference::rows_of(logprobs_, 0, rows);
  if (rows == 0) part.values_.erase(kLogits);
  return part;
}

std::optional<size_t> Recorded::first_not_finite() const {
  std::optional<size_t> first;
  for (const auto& [tap, value] : values_) {
    for (size_t r = 0; r < value.shape(0); ++r) {
      const size_t position = tap == kLogits ? readout_.position(r) : r;
      if (first && position >= *first) break;
      const auto row = reference::row(value, r);
      if (!std::ranges::all_of(row, [](double v) { return std::isfinite(v); })) first = position;
    }
  }
  return first;
}

std::vector<Recorded::BestToken> Recorded::best_tokens() const {
  const bool listed = readout_.is_listing();
  const Matrix& shown = listed ? logprobs_ : at(kLogits);
  std::vector<BestToken> best;
  for (size_t r = 0; r < shown.shape(0); ++r) {
    const int64_t which = best_token(reference::row(shown, r));
    best.push_back({readout_.position(r),
                    listed ? readout_.listing().row(r)[static_cast<size_t>(which)] : which});
  }
  return best;
}

bool Recorded::is_like(const Recorded& other) const {
  return readout_.is_listing() == other.readout_.is_listing() &&
         std::ranges::equal(values_, other.values_,
                            [](const auto& a, const auto& b) { return a.first == b.first; });
}

Matrix Recorded::usable(const Tap& tap) const {
  Matrix value = at(tap);
  for (double& v : value) {
    if (!std::isfinite(v)) v = 0.0;
  }
  return value;
}

}  // namespace plumb::evidence
