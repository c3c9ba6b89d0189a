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
#include "compare/measure/whereabouts.h"
#include "compare/verdict/judge_states.h"
#include "compare/verdict/token_judge.h"
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
using evidence::Recorded;
using evidence::Routing;
using evidence::Values;
using graph::Segment;
using measure::Floor;
using measure::GateLimits;
using measure::global_limits;
using measure::Listing;
using measure::log_softmax;
using measure::logit_limits;
using measure::measure;
using measure::Metrics;
using measure::Ratios;
using measure::Readout;
using measure::within;
using reference::Matrix;
using result::Gate;
using result::kUnknown;
using trace::Tap;
using trace::TapId;

// A tap this many floors off, whose forward nevertheless ends in clean logits, was misrecorded.
constexpr double kFarOff = 50.0;

class PromptJudge {
 public:
  PromptJudge(Truth& truth, const PromptSubject& subject, const Evidence& evidence)
      : s_(subject), truth_(truth), evidence_(evidence) {}

  PromptFindings run() {
    findings_.notes = evidence_.notes();
    judge_counts();
    judge_taps();
    judge_state();
    judge_tokens(truth_, s_, evidence_, findings_);
    return std::move(findings_);
  }

 private:
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

  const PromptSubject& s_;
  Truth& truth_;
  const Evidence& evidence_;
  PromptFindings findings_;
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
