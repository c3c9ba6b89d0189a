#include "compare/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/random.h"
#include "compare/gates.h"
#include "compare/oracle.h"
#include "compare/recognise.h"
#include "compare/recorded.h"
#include "compare/segment.h"
#include "compare/tokens.h"

namespace plumb::compare {
namespace {

using trace::Prompt;
using trace::Tap;
using trace::TapId;

constexpr Tap kLogits{TapId::kLogits, -1};

// max() that keeps "unknown" out and infinity in.
void raise(double& worst, double value) {
  if (std::isnan(worst) || value > worst) worst = value;
}

// RMS over RMS of several tensors taken as one.
class PooledRatio {
 public:
  void add(double ratio, double floor_rms, size_t elements) {
    const double square = floor_rms * floor_rms * static_cast<double>(elements);
    noise_ += ratio * ratio * square;
    floor_ += square;
    count_ += static_cast<double>(elements);
  }
  double ratio() const { return noise_ == 0.0 ? 0.0 : std::sqrt(noise_ / floor_); }
  double rms() const { return std::sqrt(noise_ / count_); }
  double floor_rms() const { return std::sqrt(floor_ / count_); }

 private:
  double noise_ = 0.0;
  double floor_ = 0.0;
  double count_ = 0.0;
};

bool is_choice(const Tap& tap) { return tap.id == TapId::kRouterIds; }

class Judge {
 public:
  explicit Judge(const Subject& subject) : s_(subject), graph_(subject.reference->graph()) {
    result_.case_name = s_.case_name;
    result_.family = s_.family;
    result_.candidate = {s_.candidate_name,
                         std::string(base::torch_name(s_.candidate->producer().dtype)),
                         s_.candidate->producer().name, std::string(s_.contract->name)};
    result_.notes = s_.notes;
  }

  Result run() {
    if (s_.oracle != nullptr) {
      oracle_.emplace(*s_.reference, *s_.oracle);
      note_missing_prompts();
    }
    for (const Prompt& prompt : s_.prompts) judge_prompt(prompt);
    for (auto& [tap, row] : rows_) {
      row.row.floor_ratio = row.global.ratio();
      row.row.local_ratio = row.local.ratio();
      result_.taps.push_back(row.row);
    }
    const auto logits = rows_.find(kLogits);
    if (logits != rows_.end()) {
      result_.drift.floor_ratio = logits->second.global.ratio();
      result_.drift.rms_logit = logits->second.global.rms();
      result_.drift.floor_rms_logit = logits->second.global.floor_rms();
    }
    if (oracle_) result_.oracle = oracle_->finish(result_.reasons, failed_);
    settle();
    return std::move(result_);
  }

 private:
  // What one prompt's judging needs.
  struct Case {
    const Prompt& prompt;
    const Recorded& recorded;
    const Truths& global;
    const Truths& local;
  };

  void fail(const std::string& gate, const std::string& tap, const std::string& message) {
    failed_ = true;
    result_.reasons.push_back({gate, tap, message});
  }
  void doubt(const std::string& tap, const std::string& message) {
    doubtful_ = true;
    result_.reasons.push_back({"recording", tap, message});
  }

  // A prompt that the oracle has and the candidate left out was not judged.
  void note_missing_prompts() {
    for (const Prompt& wanted : s_.oracle->prompts()) {
      const bool judged = std::any_of(s_.prompts.begin(), s_.prompts.end(), [&](const Prompt& p) {
        return p.tokens == wanted.tokens;
      });
      if (!judged) {
        doubt("", fmt::format("prompt {} of the oracle is missing from the candidate", wanted.name));
      }
    }
  }

  void judge_prompt(const Prompt& prompt) {
    const auto recording =
        s_.candidate->record(prompt, trace::TapFilter::all(), s_.greedy_steps);
    const Recorded recorded(graph_, *recording, prompt.tokens.size(),
                            s_.candidate_name + ": " + prompt.name);
    note_ignored(recorded);
    TruthRequest request{.tokens = prompt.tokens,
                         .taps = wanted_taps(prompt, recorded),
                         .contract = s_.contract,
                         .replicas = kReplicas,
                         .seed = seed_of(prompt)};
    const Truths global = establish(*s_.reference, request);
    if (oracle_) oracle_->judge(prompt, global);
    Truths local;
    if (recorded.values().size() > 1) {
      request.forced = &recorded;
      local = establish(*s_.reference, request);
    }
    const Case here{prompt, recorded, global, local.empty() ? global : local};
    judge_taps(here);
    if (recorded.has(kLogits)) {
      judge_logits(here);
    } else {
      doubt("logits", fmt::format("{}: no logits were recorded", prompt.name));
    }
    if (const auto greedy = recording->greedy()) judge_greedy(prompt, greedy->tokens);
  }

  static uint64_t seed_of(const Prompt& prompt) {
    uint64_t seed = 0;
    for (const int64_t token : prompt.tokens) seed = base::mix64(seed + static_cast<uint64_t>(token));
    return seed;
  }

  std::vector<Tap> wanted_taps(const Prompt& prompt, const Recorded& recorded) const {
    std::set<Tap> taps = {kLogits};
    for (const auto& [tap, value] : recorded.values()) {
      taps.insert(tap);
      // A choice of experts is judged by the scores that it was made on.
      if (is_choice(tap)) taps.insert(Tap{TapId::kRouterLogits, tap.layer});
    }
    if (oracle_) {
      for (const Tap& tap : oracle_->taps(prompt)) {
        if (graph_.find(tap)) taps.insert(tap);
      }
    }
    return {taps.begin(), taps.end()};
  }

  void note_ignored(const Recorded& recorded) {
    for (const std::string& tap : recorded.ignored()) {
      const std::string note = "ignored, not in this model: " + tap;
      if (std::find(result_.notes.begin(), result_.notes.end(), note) == result_.notes.end()) {
        result_.notes.push_back(note);
      }
    }
  }

  void judge_taps(const Case& here) {
    bool local_failed = false;
    bool global_failed = false;
    const bool logits_clean = global_logits_clean(here);
    for (const auto& [tap, value] : here.recorded.values()) {
      if (is_choice(tap)) continue;
      const TapTruth& global = here.global.at(tap);
      const TapTruth& local = here.local.at(tap);
      const Ratios whole = over_floor(value, global.value, global.floor);
      const Ratios part = over_floor(value, local.value, local.floor);
      TapSummary& summary = summarise(tap, measure(value, global.value));
      summary.global.add(whole.plain, global.floor.rms, value.size());
      summary.local.add(part.plain, local.floor.rms, value.size());
      const std::string name = tap.name();
      const size_t columns = value.shape(1);
      const GateLimits local_gate = local_limits(s_.contract->storage, value.shape(0), columns);
      const GateLimits global_gate = global_limits(s_.contract->storage, value.shape(0), columns);
      if (!here.recorded.finite(tap)) {
        if (local_failed) continue;
        local_failed = true;
        diverge(here, tap, part.plain);
        fail("proof", name, describe(here, value, local, part, local_gate));
      } else if (!alone(here) && !local_failed && !within(part, local_gate)) {
        local_failed = true;
        diverge(here, tap, part.plain);
        const bool misrecorded = logits_clean && part.plain > kFarOff && tap != kLogits;
        fail(misrecorded ? "recording" : "local", name,
             describe(here, value, local, part, local_gate) +
                 (misrecorded ? "; the logits are clean, so the recording of this tap is wrong, "
                                "not the forward"
                              : ", on the candidate's own inputs"));
      }
      if (!local_failed && !global_failed && !within(whole, global_gate)) {
        global_failed = true;
        diverge(here, tap, part.plain);
        fail("global", name, describe(here, value, global, whole, global_gate));
      }
    }
  }

  // With one tap recorded there is nothing to replay it from but the prompt.
  static bool alone(const Case& here) { return here.recorded.values().size() == 1; }

  static std::string describe(const Case& here, const Matrix& value, const TapTruth& truth,
                              const Ratios& ratios, const GateLimits& limits) {
    const auto plain = recognise(value, truth.value, truth.floor);
    return here.prompt.name + ": " + (plain ? *plain + "; " : "") +
           describe_excess(ratios, limits, value.shape(1));
  }

  bool global_logits_clean(const Case& here) const {
    if (!here.recorded.has(kLogits)) return false;
    const TapTruth& truth = here.global.at(kLogits);
    const Matrix& value = here.recorded.at(kLogits);
    return within(over_floor(value, truth.value, truth.floor),
                  global_limits(s_.contract->storage, value.shape(0), value.shape(1)));
  }

  void diverge(const Case& here, const Tap& tap, double ratio) {
    if (result_.first_divergence) return;
    const auto recorded = [&](const Tap& t) { return here.recorded.has(t); };
    result_.first_divergence = locate(graph_, tap, recorded, ratio);
  }

  // A tap's row in the report, over all prompts.
  struct TapSummary {
    TapRow row;
    PooledRatio global;
    PooledRatio local;
  };

  TapSummary& summarise(const Tap& tap, const Metrics& metrics) {
    TapSummary& summary = rows_[tap];
    TapRow& row = summary.row;
    row.tap = tap.name();
    raise(row.max_abs, metrics.max_abs);
    raise(row.max_rel, metrics.max_rel);
    raise(row.rms, metrics.rms);
    raise(row.nmse, metrics.nmse);
    if (!(row.cosine <= metrics.cosine)) row.cosine = metrics.cosine;
    return summary;
  }

  void judge_logits(const Case& here) {
    const Matrix& value = here.recorded.at(kLogits);
    const TapTruth& truth = here.global.at(kLogits);
    const Metrics metrics = measure(value, truth.value);
    Drift& drift = result_.drift;
    raise(drift.max_abs_logit, metrics.max_abs);
    raise(drift.nmse, metrics.nmse);
    raise(drift.kld, mean_kl_divergence(value, truth.value));
    if (!(drift.cosine <= metrics.cosine)) drift.cosine = metrics.cosine;
    for (size_t t = 0; t < value.shape(0); ++t) {
      const int64_t chosen = best_token(reference::row(value, t));
      ++result_.tokens.compared;
      count_token(judge_token(truth.value, truth.floor, t, chosen), chosen,
                  fmt::format("{}: position {}", here.prompt.name, t), result_.tokens.exact);
    }
  }

  void judge_greedy(const Prompt& prompt, const std::vector<int64_t>& tokens) {
    if (tokens.empty()) return;
    const auto outside = std::find_if(tokens.begin(), tokens.end(), [&](int64_t token) {
      return token < 0 || token >= graph_.vocab_size;
    });
    const std::span<const int64_t> known(tokens.begin(), outside);
    if (outside != tokens.end()) {
      fail("tokens", "logits", fmt::format("{}: greedy token {} lies outside the vocabulary",
                                           prompt.name, *outside));
    }
    if (known.empty()) return;
    const Continuation truth = continue_prompt(*s_.reference, prompt.tokens, known, s_.contract,
                                               kReplicas, seed_of(prompt));
    for (size_t i = 0; i < known.size(); ++i) {
      ++result_.tokens.greedy_compared;
      const TokenJudgement judgement = judge_token(truth.logits, truth.floor, i, known[i]);
      if (judgement.verdict != TokenVerdict::kFlip) ++result_.tokens.greedy_exact;
      int uncounted = 0;
      count_token(judgement, known[i], fmt::format("{}: greedy step {}", prompt.name, i),
                  uncounted);
    }
  }

  void count_token(const TokenJudgement& judgement, int64_t chosen, const std::string& place,
                   int& exact) {
    switch (judgement.verdict) {
      case TokenVerdict::kExact:
        ++exact;
        return;
      case TokenVerdict::kCertifiedTie:
        ++result_.tokens.certified_ties;
        return;
      case TokenVerdict::kFlip:
        if (result_.tokens.flips++ > 0) return;  // the first says enough
        fail("tokens", "logits",
             fmt::format("{}: token {} where the truth has {}, {:.3g} ahead; a tie is within {:.3g}",
                         place, chosen, judgement.best, judgement.regret, judgement.allowed));
        return;
    }
  }

  void settle() {
    if (s_.prompts.empty()) doubt("", "the candidate recorded no prompt");
    result_.verdict = failed_     ? Verdict::kFailed
                      : doubtful_ ? Verdict::kInconclusive
                                  : Verdict::kPassed;
  }

  // A tap this many floors off, whose forward nevertheless ends in clean logits, was misrecorded.
  static constexpr double kFarOff = 50.0;

  const Subject& s_;
  const graph::Graph& graph_;
  std::optional<OracleJudge> oracle_;
  Result result_;
  std::map<Tap, TapSummary> rows_;
  bool failed_ = false;
  bool doubtful_ = false;
};

}  // namespace

Result judge(const Subject& subject) { return Judge(subject).run(); }

}  // namespace plumb::compare
