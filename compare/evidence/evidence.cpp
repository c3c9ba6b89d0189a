#include "compare/evidence/evidence.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/random.h"
#include "compare/evidence/coded.h"
#include "compare/evidence/tie_search.h"
#include "graph/segment.h"

namespace plumb::evidence {
namespace {

using trace::Tap;
using trace::TapId;

uint64_t seed_of(const trace::Prompt& prompt) {
  uint64_t seed = 0;
  for (const int64_t token : prompt.tokens) seed = base::mix64(seed + static_cast<uint64_t>(token));
  return seed;
}

// The part of a continuation that the model can be asked for.
std::vector<int64_t> known_tokens(const PromptSubject& subject, int vocab_size) {
  std::vector<int64_t> known;
  if (!subject.greedy) return known;
  for (const int64_t token : subject.greedy->tokens) {
    if (token < 0 || token >= vocab_size) break;
    known.push_back(token);
  }
  return known;
}

double squared_distance(std::span<const double> a, std::span<const double> b) {
  double sum = 0.0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

// Contracts of 16 bits leave some results in float32.
bool is_in_16_bits(base::DType storage, const Matrix& values) {
  return base::size_of(storage) == 2 &&
         std::ranges::all_of(values, [&](double v) { return base::round_to(storage, v) == v; });
}

// One product, and before it since what was recorded nothing that mixes positions, whose sums in
// float16 would let codes fall as they may.
bool is_one_product(const graph::Graph& graph, const Recorded& recorded, const Tap& tap) {
  const auto is_product = [&](size_t op) {
    return std::holds_alternative<graph::Linear>(graph.ops[op].kind) ||
           std::holds_alternative<graph::Experts>(graph.ops[op].kind);
  };
  const auto& ops =
      graph::segment_before(graph, tap, [&](const Tap& other) { return recorded.has(other); }).ops;
  return !ops.empty() && is_product(ops.back()) && std::ranges::count_if(ops, is_product) == 1 &&
         std::ranges::none_of(ops, [&](size_t op) { return graph.slot_of(op) != nullptr; });
}

void set_row(Matrix& matrix, size_t t, std::span<const double> values) {
  std::copy(values.begin(), values.end(), reference::row(matrix, t).begin());
}

}  // namespace

std::vector<Tap> taps_to_judge(const graph::Graph& graph, const Recorded& recorded) {
  std::set<Tap> taps = {end_of(graph)};
  for (const auto& [tap, value] : recorded.values()) taps.insert(tap);
  for (const Tap& tap : router_taps(graph)) taps.insert(tap);
  return {taps.begin(), taps.end()};
}

Evidence::Evidence(Truth& truth, const PromptSubject& subject, int replicas, bool confirms)
    : s_(subject),
      truth_(truth),
      noise_{.contract = subject.contract,
             .replicas = replicas,
             .seed = seed_of(*subject.prompt),
             .confirms = confirms},
      routing_(truth.reference()),
      taps_(taps_to_judge(truth.graph(), *subject.recorded)) {
  const auto& tokens = subject.prompt->tokens;
  if (pieces() != nullptr) {
    values_in_pieces_ = replay(truth.reference(), tokens, taps_,
                               {.pieces = pieces(), .rebuilt_beyond = subject.rebuilt_beyond});
    truth_values_ = &*values_in_pieces_;
  } else {
    truth_values_ = &truth.values(tokens, taps_, known_tokens(subject, truth.graph().vocab_size));
  }
  if (!s_.alone()) establish_local();
  establish_global();
  note_ties();
}

const std::vector<size_t>* Evidence::pieces() const {
  const std::vector<size_t>& pieces = s_.prompt->pieces;
  return pieces.size() > 1 && graph::depends_on_length(truth_.graph()) ? &pieces : nullptr;
}

bool Evidence::is_recorded(int layer) const {
  return s_.recorded->has({TapId::kRouterIds, layer});
}

// Each segment on the candidate's own inputs.
Given Evidence::local(const Choices& choices) const {
  return {.recorded = s_.recorded,
          .choices = &choices,
          .pieces = pieces(),
          .readout = &s_.recorded->readout()};
}

void Evidence::establish_local() {
  const reference::Reference& reference = truth_.reference();
  const auto& tokens = s_.prompt->tokens;
  const Choices recorded = recorded_choices(*s_.recorded);
  local_values_ = replay(reference, tokens, taps_, local(recorded));
  choices_ = routing_.choices(local_values_);
  measure_local();
  if (!resolve_local_ties(choices_)) return;
  local_values_ = replay(reference, tokens, taps_, local(choices_));
  measure_local();
}

void Evidence::measure_local() {
  bits_.clear();
  realised_.clear();
  const bool coded = is_coded(*s_.contract);
  const auto count = [&](const Tap& tap, const Matrix& replicas) {
    if (!s_.recorded->has(tap) || is_choice(tap)) return;
    if (tap == kLogits && s_.recorded->readout().is_listing()) return;
    const graph::Graph& graph = truth_.graph();
    if (graph.value(*graph.find(tap)).producer < 0) return;  // what was given is as it was given
    if (coded && is_one_product(truth_.graph(), *s_.recorded, tap)) {
      const auto found =
          measure::measure_realised(s_.recorded->at(tap), replicas, local_values_.at(tap));
      if (found) realised_[tap] = *found;
    }
    if (is_in_16_bits(s_.contract->storage, replicas)) {
      bits_[tap].add(s_.recorded->at(tap), replicas);
    }
  };
  local_floors_ = measure_floors(truth_.reference(), s_.prompt->tokens, taps_, local_values_,
                                 noise_, local(choices_), count);
}

// The k-th other choice of each position that has so many; none where no position has.
std::optional<Choices> Evidence::nth_alternatives(size_t k) const {
  Choices others = routing_.choices(local_values_);
  bool any = false;
  for (auto& [layer, ids] : others) {
    if (is_recorded(layer)) continue;
    const Tap scores{TapId::kRouterLogits, layer};
    for (size_t t = 0; t < ids.shape(0); ++t) {
      const auto ties = routing_.ties(layer, reference::row(local_values_.at(scores), t),
                                      local_floors_.at(scores).rows[t]);
      if (k + 1 >= ties.size()) continue;
      set_row(ids, t, ties[k + 1].ids);
      any = true;
    }
  }
  return any ? std::optional(std::move(others)) : std::nullopt;
}

// Where a layer's choices were not recorded, the next recorded tap tells which side of a tie the
// candidate took. True when any choice changed.
bool Evidence::resolve_local_ties(Choices& choices) const {
  constexpr size_t kMostAlternatives = 4;
  Values nearest = local_values_;
  bool changed = false;
  for (size_t k = 0; k < kMostAlternatives; ++k) {
    const auto others = nth_alternatives(k);
    if (!others) break;
    const Values values = replay(truth_.reference(), s_.prompt->tokens, taps_, local(*others));
    for (auto& [layer, ids] : choices) {
      const auto seen = s_.recorded->values().upper_bound({TapId::kRouterIds, layer});
      if (is_recorded(layer) || seen == s_.recorded->values().end()) continue;
      const auto& [tap, value] = *seen;
      for (size_t t = 0; t < ids.shape(0); ++t) {
        const auto row = tap == kLogits ? s_.recorded->readout().row_of(t) : t;
        if (!row) continue;
        const auto mine = reference::row(value, *row);
        const auto other = reference::row(values.at(tap), *row);
        const auto before = reference::row(nearest.at(tap), *row);
        if (!(squared_distance(mine, other) < squared_distance(mine, before))) continue;
        std::ranges::copy(other, before.begin());
        set_row(ids, t, reference::row(others->at(layer), t));
        changed = true;
      }
    }
  }
  return changed;
}

void Evidence::establish_global() {
  if (s_.alone()) choices_ = routing_.choices(*truth_values_);
  measure_global(choices_);
  if (drop_wrong_choices(choices_)) measure_global(choices_);
  if (s_.recorded->values().size() == 1 && !routing_.empty()) resolve_global_ties();
}

void Evidence::measure_global(const Choices& choices) {
  own_values_.reset();
  logits_.reset();
  Given given{.choices = &choices, .pieces = pieces(), .rebuilt_beyond = s_.rebuilt_beyond};
  const Readout& readout = s_.recorded->readout();
  if (choices != routing_.choices(*truth_values_)) {
    own_values_ = replay(truth_.reference(), s_.prompt->tokens, taps_, given);
  } else if (readout.is_listing()) {
    own_values_ = *truth_values_;
  }
  if (readout.is_listing()) {
    logits_ = std::move(own_values_->at(kLogits));
    own_values_->at(kLogits) = readout.of(*logits_, s_.prompt->tokens.size());
    logit_floor_ = measure_floors(truth_.reference(), s_.prompt->tokens, {kLogits},
                                  {{kLogits, *logits_}}, noise_, given)
                       .at(kLogits);
    given.readout = &readout;
  }
  floors_ = measure_floors(truth_.reference(), s_.prompt->tokens, taps_, values(), noise_, given);
}

// With one tap alone, that tap tells.
void Evidence::resolve_global_ties() {
  const auto& [tap, value] = *s_.recorded->values().begin();
  Choices settled = settle_ties({truth_.reference(), routing_, s_.prompt->tokens, tap, value,
                                 s_.recorded->readout(), floors_},
                                choices_);
  if (settled == choices_) return;
  choices_ = std::move(settled);
  measure_global(choices_);
}

// A choice that the candidate did not record, and that is no tie in the whole forward, is not
// taken for granted there. True when any was dropped.
bool Evidence::drop_wrong_choices(Choices& choices) const {
  bool dropped = false;
  const Choices truth = routing_.choices(*truth_values_);
  for (auto& [layer, ids] : choices) {
    if (is_recorded(layer)) continue;
    const Tap scores{TapId::kRouterLogits, layer};
    for (size_t t = 0; t < ids.shape(0); ++t) {
      if (routing_.judge(layer, reference::row(values().at(scores), t), floors_.at(scores).rows[t],
                         reference::row(ids, t)) != Routing::Verdict::kWrong) {
        continue;
      }
      set_row(ids, t, reference::row(truth.at(layer), t));
      dropped = true;
    }
  }
  return dropped;
}

void Evidence::note_ties() {
  const Choices truth = routing_.choices(*truth_values_);
  int ties = 0;
  std::string first;
  for (const auto& [layer, ids] : choices_) {
    for (size_t t = 0; t < ids.shape(0); ++t) {
      if (std::ranges::equal(reference::row(ids, t), reference::row(truth.at(layer), t))) continue;
      if (ties++ == 0) first = fmt::format("at position {} in layer {}", t, layer);
    }
  }
  if (ties == 0) return;
  notes_.push_back(fmt::format(
      "{}: compared under the candidate's own choice of experts where the truth's is another: {} "
      "times, first {}",
      s_.prompt->name, ties, first));
}

}  // namespace plumb::evidence
