#include "compare/verdict/prompt_judge.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "compare/diagnose/first_divergence.h"
#include "compare/diagnose/misrecorded.h"
#include "compare/diagnose/misreported.h"
#include "compare/measure/gates.h"
#include "compare/measure/recognise.h"
#include "compare/measure/tokens.h"
#include "compare/measure/whereabouts.h"
#include "compare/verdict/judge_states.h"
#include "graph/segment.h"
#include "trace/pieces.h"

namespace plumb::verdict {
namespace {

using diagnose::find_misrecording;
using diagnose::find_misreported;
using diagnose::find_moved_logits;
using diagnose::locate;
using diagnose::Misrecording;
using evidence::Floors;
using evidence::is_choice;
using evidence::kLogits;
using evidence::measure_floor;
using evidence::Noise;
using evidence::Recorded;
using evidence::Routing;
using evidence::Values;
using graph::Segment;
using measure::best_token;
using measure::find_missing;
using measure::flip_probability;
using measure::Floor;
using measure::GateLimits;
using measure::global_limits;
using measure::judge_token;
using measure::Listing;
using measure::log_softmax;
using measure::log_sum_exp;
using measure::logit_limits;
using measure::mean_kl_divergence;
using measure::measure;
using measure::measure_floor;
using measure::Metrics;
using measure::Ratios;
using measure::Readout;
using measure::replicas_for;
using measure::TokenJudgement;
using measure::TokenVerdict;
using measure::within;
using reference::Matrix;
using result::Gate;
using result::kUnknown;
using trace::Tap;
using trace::TapId;

// A tap this many floors off, whose forward nevertheless ends in clean logits, was misrecorded.
constexpr double kFarOff = 50.0;

// Emulations that are asked whether one of them takes a token: a tie of experts that falls the
// other way once in twenty times is among so many.
constexpr int kChoosingReplicas = 64;

class PromptJudge {
 public:
  PromptJudge(Truth& truth, const PromptSubject& subject, const Evidence& evidence)
      : s_(subject), truth_(truth), evidence_(evidence) {}

  PromptFindings run() {
    findings_.notes = evidence_.notes();
    judge_counts();
    judge_taps();
    judge_state();
    if (s_.recorded->has(kLogits)) judge_logits();
    if (s_.greedy) judge_greedy();
    return std::move(findings_);
  }

 private:
  std::vector<int64_t> continuation() const {
    std::vector<int64_t> known;
    if (!s_.greedy) return known;
    for (const int64_t token : s_.greedy->tokens) {
      if (token < 0 || token >= truth_.graph().vocab_size) break;
      known.push_back(token);
    }
    return known;
  }

  void fail(Gate gate, const std::string& tap, const std::string& message) {
    findings_.failures.push_back({gate, tap, s_.prompt->name + ": " + message});
  }

  void judge_counts() {
    for (const Recorded::Miscount& miscount : s_.recorded->miscounts()) {
      fail(Gate::kProof, miscount.tap.name(),
           fmt::format("takes {} experts at a position, {} are due", miscount.counted,
                       miscount.due));
      diverge(miscount.tap, kUnknown, s_.prompt->name + ": at every position");
      local_failed_ = true;
      return;
    }
  }

  // As this graph makes them: queries may be normalised before their rotation or after it.
  std::vector<Tap> taps_in_order() const {
    std::vector<Tap> taps;
    for (const auto& [tap, value] : s_.recorded->values()) taps.push_back(tap);
    std::ranges::stable_sort(taps, {}, [&](const Tap& tap) { return truth_.graph().find(tap); });
    return taps;
  }

  void judge_taps() {
    last_clean_ = find_last_clean();
    for (const Tap& tap : taps_in_order()) {
      const Matrix& value = s_.recorded->at(tap);
      if (is_choice(tap)) {
        judge_choices(tap, value);
        continue;
      }
      const Side whole = global_side(tap, value);
      const Side part = s_.alone() ? whole : local_side(tap, value);
      TapFigures& figures = findings_.taps[tap];
      figures.metrics = is_listing(tap) ? measure_logprobs() : measure(value, whole.truth);
      figures.global.add(whole.ratios.plain, whole.floor.rms, value.size());
      figures.local.add(part.ratios.plain, part.floor.rms, value.size());
      if (tap == kLogits && are_moved(value, part)) continue;
      figures.global_margin = margin_of(whole.ratios, limits_of_whole(tap, whole.floor));
      if (!s_.alone()) {
        figures.local_margin =
            margin_of(part.ratios, local_limits(s_.contract->storage, part.floor));
      }
      judge_local(tap, value, part);
      judge_global(tap, value, whole, part);
    }
  }

  // Are these the log-probabilities of listed tokens?
  bool is_listing(const Tap& tap) const {
    return tap == kLogits && s_.recorded->readout().is_listing();
  }

  // As they were recorded, for the report.
  Metrics measure_logprobs() const {
    const Listing& listing = s_.recorded->readout().listing();
    return measure(s_.recorded->logprobs(),
                   log_softmax(evidence_.logits(), s_.prompt->tokens.size(), listing));
  }

  // The single elements of a listing are held to no others: its mean is unlike them.
  GateLimits limits_of_whole(const Tap& tap, const Floor& floor) const {
    const bool plain = tap == kLogits && !is_listing(tap);
    return plain ? logit_limits(s_.contract->storage, floor)
                 : global_limits(s_.contract->storage, floor);
  }

  // A tap beside one truth and its floor.
  struct Side {
    const Matrix& truth;
    const Floor& floor;
    Ratios ratios;
  };

  static Side measure_side(const Matrix& value, const Matrix& truth, const Floor& floor) {
    return {truth, floor, over_floor(value, truth, floor)};
  }
  Side global_side(const Tap& tap, const Matrix& value) const {
    return measure_side(value, evidence_.values().at(tap), evidence_.floors().at(tap));
  }
  Side local_side(const Tap& tap, const Matrix& value) const {
    return measure_side(value, evidence_.local_values().at(tap), evidence_.local_floors().at(tap));
  }

  // Each choice on the candidate's own scores, then on those of the whole forward.
  void judge_choices(const Tap& tap, const Matrix& ids) {
    if (!local_failed_ && !s_.alone()) {
      local_failed_ = are_choices_wrong(Gate::kLocal, tap, ids, evidence_.local_values(),
                                        evidence_.local_floors());
    }
    if (!local_failed_ && !global_failed_) {
      global_failed_ =
          are_choices_wrong(Gate::kGlobal, tap, ids, evidence_.values(), evidence_.floors());
    }
  }

  bool are_choices_wrong(Gate gate, const Tap& tap, const Matrix& ids, const Values& values,
                         const Floors& floors) {
    const Tap scores{TapId::kRouterLogits, tap.layer};
    for (size_t t = 0; t < ids.shape(0); ++t) {
      const auto verdict =
          evidence_.routing().judge(tap.layer, reference::row(values.at(scores), t),
                                    floors.at(scores).rows[t], reference::row(ids, t));
      if (verdict != Routing::Verdict::kWrong) continue;
      fail(gate, tap.name(),
           fmt::format("position {} takes experts {}, which its scores do not choose", t,
                       fmt::join(reference::row(ids, t), ", ")));
      diverge(tap, kUnknown, fmt::format("at position {}", t), t);
      return true;
    }
    return false;
  }

  std::optional<Misrecording> find_moved(const Matrix& value, const Side& side) const {
    const base::DType storage = s_.contract->storage;
    return is_listing(kLogits)
               ? find_misreported(*s_.recorded, evidence_.logits(), side.truth, side.floor, storage)
               : find_moved_logits(value, side.truth, side.floor, storage);
  }

  // Logits in another form: nothing is wrong with the forward.
  bool are_moved(const Matrix& value, const Side& part) {
    if (local_failed_ || global_failed_) return false;
    const auto found = find_moved(value, part);
    if (found) blame_recording(kLogits, value, part, found, found->says);
    return found.has_value();
  }

  void blame_recording(const Tap& tap, const Matrix& value, const Side& part,
                       const std::optional<Misrecording>& found, const std::string& message) {
    fail(Gate::kRecording, tap.name(), message);
    local_failed_ = true;
    diverge(tap, part.ratios.plain, whereabouts(tap, value, part), first_off(tap, value, part));
    findings_.misrecorded = true;
    if (!found) return;
    findings_.misrecording = {.cause = "recording:" + found->kind,
                              .says = tap.name() + " " + found->says,
                              .explained = 1.0};
    if (tap.layer >= 0) findings_.misrecording->layer = tap.layer;
  }

  void judge_local(const Tap& tap, const Matrix& value, const Side& part) {
    if (local_failed_) return;
    const GateLimits gate = local_limits(s_.contract->storage, part.floor);
    if (!s_.recorded->finite(tap)) {
      fail(Gate::kProof, tap.name(), describe(tap, value, part, gate));
    } else if (!s_.alone() && !within(part.ratios, gate)) {
      if (is_misrecorded(tap, part)) {
        const auto found = find_misrecording(truth_, s_, evidence_, tap);
        return blame_recording(
            tap, value, part, found,
            fmt::format("{}{}; {} is clean, so the recording of this tap is wrong, not the forward",
                        found ? found->says + "; " : "",
                        describe_excess(part.ratios, gate, value.shape(1)), last_clean_->name()));
      }
      fail(Gate::kLocal, tap.name(),
           describe(tap, value, part, gate) + ", on the candidate's own inputs");
    } else if (const auto found = evidence_.realised().find(tap);
               found != evidence_.realised().end() && departs(found->second)) {
      return blame_row(tap, value, part, found->second);
    } else {
      return;
    }
    local_failed_ = true;
    diverge(tap, part.ratios.plain, whereabouts(tap, value, part), first_off(tap, value, part));
  }

  // One channel of a product departs: emulations that round alike tell the row, and mistakes whose
  // trace is as large as the roundings have nothing to say.
  void blame_row(const Tap& tap, const Matrix& value, const Side& part,
                 const measure::Realised& realised) {
    fail(Gate::kLocal, tap.name(), measure::describe(realised) + ", on the candidate's own inputs");
    local_failed_ = true;
    diverge(tap, part.ratios.plain, whereabouts(tap, value, part), first_off(tap, value, part));
    findings_.first_divergence->where =
        fmt::format("{}: in channel {}", s_.prompt->name, realised.worst_channel);
    findings_.misrecorded = true;
    const auto recorded = [&](const Tap& other) { return s_.recorded->has(other); };
    const Segment segment = segment_before(truth_.graph(), tap, recorded);
    const graph::Op& op = truth_.graph().ops[segment.ops.back()];
    if (!std::holds_alternative<graph::Linear>(op.kind)) return;
    findings_.misrecording = {
        .cause = "weight_row",
        .says = fmt::format("row {} of {}{} is not the file's", realised.worst_channel,
                            op_label(truth_.graph(), op),
                            op.layer >= 0 ? fmt::format(" of layer {}", op.layer) : ""),
        .explained = 1.0};
    if (op.layer >= 0) findings_.misrecording->layer = op.layer;
  }

  // Far off, where what the forward ends with is as it should be.
  bool is_misrecorded(const Tap& tap, const Side& part) const {
    return last_clean_ && *last_clean_ != tap && part.ratios.plain > kFarOff;
  }

  void judge_global(const Tap& tap, const Matrix& value, const Side& whole, const Side& part) {
    if (local_failed_ || global_failed_) return;
    const GateLimits gate = limits_of_whole(tap, whole.floor);
    if (within(whole.ratios, gate)) return;
    global_failed_ = true;
    diverge(tap, part.ratios.plain, whereabouts(tap, value, whole), first_off(tap, value, whole));
    fail(Gate::kGlobal, tap.name(), describe(tap, value, whole, gate));
  }

  std::string describe(const Tap& tap, const Matrix& value, const Side& side,
                       const GateLimits& limits) const {
    size_t columns = value.shape(1);
    if (is_listing(tap)) {
      const Ratios ratios = s_.recorded->readout().in_words(side.ratios, columns);
      return (s_.recorded->finite(tap) ? "" : "holds NaN or infinity; ") +
             describe_excess(ratios, limits, columns);
    }
    const auto plain = recognise(value, side.truth, side.floor);
    return (plain ? *plain + "; " : "") + describe_excess(side.ratios, limits, columns);
  }

  // The last tap of the forward, where it is clean beside the whole forward.
  std::optional<Tap> find_last_clean() const {
    const std::vector<Tap> taps = taps_in_order();
    const auto last = std::ranges::find_if_not(taps.rbegin(), taps.rend(), is_choice);
    if (last == taps.rend()) return std::nullopt;
    const Matrix& value = s_.recorded->at(*last);
    const Side whole = global_side(*last, value);
    const bool is_clean = within(whole.ratios, limits_of_whole(*last, whole.floor)) ||
                          (*last == kLogits && find_moved(value, whole).has_value());
    return is_clean ? std::optional(*last) : std::nullopt;
  }

  std::string whereabouts(const Tap& tap, const Matrix& value, const Side& side) const {
    const auto& shape = truth_.graph().value(*truth_.graph().find(tap)).shape;
    const size_t heads = shape.size() > 1 ? static_cast<size_t>(shape.front()) : 1;
    const Readout all;
    return s_.prompt->name + ": " +
           describe_whereabouts(value, side.truth, side.floor, heads,
                                tap == kLogits ? s_.recorded->readout() : all);
  }

  std::optional<size_t> first_off(const Tap& tap, const Matrix& value, const Side& side) const {
    const auto row = first_position_off(value, side.truth, side.floor);
    return row && is_listing(tap) ? s_.recorded->readout().position(*row) : row;
  }

  void diverge(const Tap& tap, double ratio, const std::string& where,
               std::optional<size_t> position = std::nullopt) {
    if (findings_.first_divergence) return;
    const auto recorded = [&](const Tap& t) { return s_.recorded->has(t); };
    findings_.first_divergence = locate(truth_.graph(), tap, recorded, ratio);
    findings_.first_divergence->where = where;
    if (!s_.prompt->run.empty())
      blame_state(segment_before(truth_.graph(), tap, recorded), position);
  }

  // Of a prompt run otherwise than at once: the call, and what the segment had from those before.
  void blame_state(const Segment& segment, std::optional<size_t> position) {
    FirstDivergence& first = *findings_.first_divergence;
    first.run = s_.prompt->name;
    if (position) {
      first.position = static_cast<int>(*position);
      first.call = s_.prompt->pieces.empty()
                       ? 0
                       : static_cast<int>(trace::piece_at(s_.prompt->pieces, *position));
    }
    for (const size_t op : segment.ops) {
      for (const std::string& name : carried_by(truth_.graph(), op)) {
        const bool known =
            std::find(first.slots.begin(), first.slots.end(), name) != first.slots.end();
        if (!known) first.slots.push_back(name);
      }
    }
  }

  // Where the forward departs too, that tells more than what it leaves behind.
  void judge_state() {
    for (const StateFinding& finding : judge_states(truth_, s_, evidence_)) {
      if (finding.figures.metrics.rms > 0.0 || finding.failure.empty()) {
        findings_.taps[finding.tap] = finding.figures;
      }
      if (finding.failure.empty() || state_failed_) continue;
      if (!findings_.failures.empty() && s_.prompt->run.empty()) continue;
      state_failed_ = true;
      fail(Gate::kState, finding.tap.name(), finding.failure);
      if (findings_.first_divergence) continue;
      findings_.first_divergence = {.tap = finding.tap.name(), .layer = finding.tap.layer};
      if (!s_.prompt->run.empty()) findings_.first_divergence->run = s_.prompt->name;
      findings_.first_divergence->slots = {finding.tap.name()};
    }
  }

  void judge_logits() {
    const Readout& readout = s_.recorded->readout();
    const Matrix& truth = evidence_.logits();
    if (readout.has_channels() && truth.shape(0) == s_.recorded->at(kLogits).shape(0)) {
      const Matrix& shown =
          readout.is_listing() ? s_.recorded->logprobs() : s_.recorded->at(kLogits);
      findings_.kld = mean_kl_divergence(shown, truth);
    }
    if (readout.is_listing()) judge_lost(readout.listing());
    const auto best = s_.recorded->best_tokens();
    for (size_t row = 0; row < best.size(); ++row) {
      const auto& [position, chosen] = best[row];
      const auto logits = reference::row(truth, position);
      // What is printed alike may be in any order.
      double noise = evidence_.logit_noise(position);
      if (readout.is_listing()) {
        const auto shown = reference::row(s_.recorded->logprobs(), row);
        noise += readout.listing().print.step_at(*std::ranges::min_element(shown));
      }
      ++findings_.tokens.compared;
      findings_.flip_odds.push_back(flip_probability(logits, noise));
      count_token(judge_token(logits, noise, chosen), chosen, fmt::format("position {}", position),
                  findings_.tokens.exact);
      if (readout.is_listing()) judge_missing(readout.listing(), row, logits, noise);
    }
  }

  // A token that was given no probability has to have nearly none.
  void judge_lost(const Listing& listing) {
    constexpr double kNearlyNone = -80.0;
    for (const auto& [position, token] : listing.lost) {
      const auto logits = reference::row(evidence_.logits(), position);
      const double due = logits[static_cast<size_t>(token)] - log_sum_exp(logits);
      if (within(due, kNearlyNone)) continue;
      fail(Gate::kProof, kLogits.name(),
           fmt::format("position {}: token {} has a probability of 0, and the truth's logarithm of "
                       "it is {:.3g}",
                       position, token, due));
      return;
    }
  }

  // A token that the truth puts clearly above the least listed one has to be listed. The prompt's
  // own next token may stand beside the best.
  void judge_missing(const Listing& listing, size_t row, std::span<const double> logits,
                     double noise) {
    if (listing.counts[row] == listing.vocab_size) return;
    const auto& tokens = s_.prompt->tokens;
    const size_t next = listing.positions[row] + 1;
    const auto missing =
        find_missing(logits, listing.row(row), noise,
                     next < tokens.size() ? std::optional(tokens[next]) : std::nullopt);
    if (!missing) return;
    if (findings_.tokens.flips++ > 0) return;
    fail(
        Gate::kTokens, "logits",
        fmt::format("position {}: token {} is not listed, and the truth has it {:.3g} ahead of {}, "
                    "which is; a tie is within {:.3g}",
                    listing.positions[row], missing->token, missing->regret, missing->instead_of,
                    missing->allowed));
  }

  void judge_greedy() {
    const std::vector<int64_t> known = continuation();
    if (known.size() < s_.greedy->tokens.size()) {
      fail(Gate::kTokens, "logits",
           fmt::format("greedy token {} lies outside the vocabulary",
                       s_.greedy->tokens[known.size()]));
    }
    if (known.empty()) return;
    const Matrix& logits = truth_.continuation(s_.prompt->tokens, known);
    const Floor floor = greedy_floor(known, logits);
    for (size_t i = 0; i < known.size(); ++i) {
      ++findings_.tokens.greedy_compared;
      TokenJudgement judgement = judge_token(reference::row(logits, i),
                                             floor.rows.empty() ? 0.0 : floor.rows[i], known[i]);
      if (judgement.verdict == TokenVerdict::kFlip && may_choose(known, i, judgement.allowed)) {
        judgement.verdict = TokenVerdict::kCertifiedTie;
      }
      if (judgement.verdict != TokenVerdict::kFlip) ++findings_.tokens.greedy_exact;
      int uncounted = 0;
      count_token(judgement, known[i], fmt::format("greedy step {}", i), uncounted);
    }
  }

  // Where experts tie, the precision may take others, and with them another token: as one of its
  // emulations does.
  bool may_choose(const std::vector<int64_t>& tokens, size_t step, double allowed) {
    if (evidence_.routing().empty()) return false;
    if (!emulated_) {
      Noise noise = evidence_.noise();
      noise.replicas = kChoosingReplicas;
      noise.mode = reference::RoundingMode::kDithered;  // to nearest they all fall alike
      emulated_ = emulate_continuation(truth_.reference(), s_.prompt->tokens, tokens, noise);
    }
    for (size_t row = step; row < emulated_->shape(0); row += tokens.size()) {
      const auto logits = reference::row(std::as_const(*emulated_), row);
      const double best = logits[static_cast<size_t>(best_token(logits))];
      if (within(best - logits[static_cast<size_t>(tokens[step])], allowed)) return true;
    }
    return false;
  }

  // Only a token that is not the best needs a floor.
  Floor greedy_floor(const std::vector<int64_t>& tokens, const Matrix& logits) const {
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i] == best_token(reference::row(logits, i))) continue;
      Noise noise = evidence_.noise();
      noise.replicas = replicas_for(noise.replicas, logits.shape(0), logits.shape(1));
      return measure_floor(truth_.reference(), s_.prompt->tokens, tokens, logits, noise);
    }
    return {};
  }

  void count_token(const TokenJudgement& judgement, int64_t chosen, const std::string& place,
                   int& exact) {
    switch (judgement.verdict) {
      case TokenVerdict::kExact:
        ++exact;
        return;
      case TokenVerdict::kCertifiedTie:
        ++findings_.tokens.certified_ties;
        return;
      case TokenVerdict::kFlip:
        if (findings_.tokens.flips++ > 0) return;  // the first says enough
        fail(
            Gate::kTokens, "logits",
            fmt::format("{}: token {} where the truth has {}, {:.3g} ahead; a tie is within {:.3g}",
                        place, chosen, judgement.best, judgement.regret, judgement.allowed));
        return;
    }
  }

  const PromptSubject& s_;
  Truth& truth_;
  const Evidence& evidence_;
  PromptFindings findings_;
  std::optional<Matrix> emulated_;  // the logits of a continuation
  std::optional<Tap> last_clean_;
  bool local_failed_ = false;
  bool global_failed_ = false;
  bool state_failed_ = false;
};

}  // namespace

PromptFindings judge_prompt(Truth& truth, const PromptSubject& subject, const Evidence& evidence) {
  return PromptJudge(truth, subject, evidence).run();
}

}  // namespace plumb::verdict
