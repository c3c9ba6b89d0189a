#include "compare/judge.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <memory>
#include <optional>

#include "compare/diagnose.h"
#include "compare/gates.h"
#include "compare/power.h"
#include "compare/prompt_judge.h"
#include "compare/segment.h"

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

// The worst of each figure over the prompts.
void merge(Metrics& worst, const Metrics& other) {
  raise(worst.max_abs, other.max_abs);
  raise(worst.max_rel, other.max_rel);
  raise(worst.rms, other.rms);
  raise(worst.nmse, other.nmse);
  if (!(worst.cosine <= other.cosine)) worst.cosine = other.cosine;
}

void merge(TokenSection& sum, const TokenSection& other) {
  sum.compared += other.compared;
  sum.exact += other.exact;
  sum.certified_ties += other.certified_ties;
  sum.flips += other.flips;
  sum.greedy_compared += other.greedy_compared;
  sum.greedy_exact += other.greedy_exact;
}

// The findings of all prompts, on their way to a result.
class Findings {
 public:
  explicit Findings(Result& result) : result_(result) {}

  void add(PromptFindings findings) {
    failed_ |= !findings.failures.empty();
    for (Reason& reason : findings.failures) result_.reasons.push_back(std::move(reason));
    for (const auto& [tap, figures] : findings.taps) {
      TapFigures& sum = taps_[tap];
      merge(sum.metrics, figures.metrics);
      sum.global.add(figures.global);
      sum.local.add(figures.local);
    }
    if (findings.kld) raise(result_.drift.kld, *findings.kld);
    merge(result_.tokens, findings.tokens);
    if (!result_.first_divergence) result_.first_divergence = findings.first_divergence;
    result_.notes.insert(result_.notes.end(), findings.notes.begin(), findings.notes.end());
  }

  void doubt(const std::string& tap, const std::string& message) {
    doubtful_ = true;
    result_.reasons.push_back({"recording", tap, message});
  }

  void finish(const std::optional<OracleJudge>& oracle) {
    for (const auto& [tap, figures] : taps_) result_.taps.push_back(row(tap, figures));
    const auto logits = taps_.find(kLogits);
    if (logits != taps_.end()) fill_drift(logits->second);
    if (oracle) result_.oracle = oracle->finish(result_.reasons, failed_);
    result_.verdict = failed_     ? Verdict::kFailed
                      : doubtful_ ? Verdict::kInconclusive
                                  : Verdict::kPassed;
  }

 private:
  static TapRow row(const Tap& tap, const TapFigures& figures) {
    const Metrics& m = figures.metrics;
    return {.tap = tap.name(),
            .max_abs = m.max_abs,
            .max_rel = m.max_rel,
            .rms = m.rms,
            .nmse = m.nmse,
            .cosine = m.cosine,
            .floor_ratio = figures.global.ratio(),
            .local_ratio = figures.local.ratio()};
  }

  void fill_drift(const TapFigures& logits) {
    Drift& drift = result_.drift;
    drift.max_abs_logit = logits.metrics.max_abs;
    drift.nmse = logits.metrics.nmse;
    drift.cosine = logits.metrics.cosine;
    drift.floor_ratio = logits.global.ratio();
    drift.rms_logit = logits.global.rms();
    drift.floor_rms_logit = logits.global.floor_rms();
  }

  Result& result_;
  std::map<Tap, TapFigures> taps_;
  bool failed_ = false;
  bool doubtful_ = false;
};

void note_ignored(const Recorded& recorded, std::vector<std::string>& notes) {
  for (const std::string& tap : recorded.ignored()) {
    const std::string note = "ignored, not in this model: " + tap;
    if (std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back(note);
  }
}

// A prompt that the oracle has and the candidate left out was not judged.
void note_missing_prompts(const trace::TraceFile& oracle, const std::vector<Prompt>& prompts,
                          Findings& findings) {
  for (const Prompt& wanted : oracle.prompts()) {
    const bool judged = std::any_of(prompts.begin(), prompts.end(), [&](const Prompt& prompt) {
      return prompt.tokens == wanted.tokens;
    });
    if (!judged) {
      findings.doubt(
          "", fmt::format("prompt {} of the oracle is missing from the candidate", wanted.name));
    }
  }
}

// What was recorded of one prompt, and what it is judged on.
struct Judged {
  Recorded recorded;
  PromptSubject subject;
  std::unique_ptr<Evidence> evidence;
};

// A failure stands only when floors measured on more replicas confirm it.
PromptFindings judge_surely(Truth& truth, Judged& judged) {
  const auto replicas = [&](int wanted) {
    return replicas_for(wanted, judged.subject.prompt->tokens.size(),
                        static_cast<size_t>(truth.graph().hidden_size));
  };
  judged.evidence = std::make_unique<Evidence>(truth, judged.subject, replicas(kReplicas));
  PromptFindings findings = judge_prompt(truth, judged.subject, *judged.evidence);
  const auto& first = findings.first_divergence;
  if (findings.failures.empty() || (first && first->local_ratio > kBeyondDoubt)) return findings;
  judged.evidence =
      std::make_unique<Evidence>(truth, judged.subject, replicas(kConfirmingReplicas));
  return judge_prompt(truth, judged.subject, *judged.evidence);
}

// The prompts that hold the same taps as the first, without NaN.
std::vector<Scene> make_scenes(const std::deque<Judged>& prompts) {
  std::vector<Scene> scenes;
  for (const Judged& prompt : prompts) {
    if (!prompt.recorded.finite()) continue;
    if (!scenes.empty() && !scenes.front().subject.recorded->is_like(prompt.recorded)) continue;
    scenes.push_back({prompt.subject, *prompt.evidence});
  }
  return scenes;
}

// Another number of experts than is due needs no trial.
std::optional<Diagnosis> explain_miscount(const std::vector<Scene>& scenes) {
  if (scenes.empty() || scenes.front().subject.recorded->miscounts().empty()) return std::nullopt;
  const auto& miscounts = scenes.front().subject.recorded->miscounts();
  const Recorded::Miscount& first = miscounts.front();
  const bool alike = std::ranges::all_of(
      miscounts, [&](const auto& other) { return other.tap.layer == first.tap.layer; });
  Diagnosis cause{.cause = "router_count", .explained = 1.0};
  if (alike) cause.layer = first.tap.layer;
  cause.says = fmt::format("{} takes {:+} experts too many",
                           alike ? fmt::format("layer {}", first.tap.layer) : "every layer",
                           first.counted - first.due);
  return cause;
}

// Fills in why the candidate departs, where that is certain.
void explain(Truth& truth, const std::vector<Scene>& scenes, Result& result) {
  const Tap first = *trace::parse_tap(result.first_divergence->tap);
  result.diagnosis.emplace();
  if (const auto cause = explain_miscount(scenes)) return result.diagnosis->push_back(*cause);
  if (scenes.empty() || first.id == TapId::kRouterIds) return;
  Explanation explanation = diagnose(truth, scenes, first);
  if (!explanation.ops.empty()) {
    narrow(truth.graph(), explanation.ops, *result.first_divergence);
  }
  result.diagnosis = std::move(explanation.causes);
  result.notes.insert(result.notes.end(), explanation.notes.begin(), explanation.notes.end());
}

// Fills in what a pass is worth: a structural mistake that could not have been seen blocks it.
void weigh(Truth& truth, const std::vector<Scene>& scenes, Result& result) {
  if (result.verdict == Verdict::kFailed && !can_afford_power(truth, scenes)) return;
  const Coverage coverage = measure_coverage(truth, scenes);
  result.power = coverage.power;
  if (coverage.unseen.empty() || result.verdict != Verdict::kPassed) return;
  result.verdict = Verdict::kInconclusive;
  result.reasons.push_back(
      {"power", "",
       fmt::format("these prompts and weights cannot show: {}", fmt::join(coverage.unseen, "; "))});
}

}  // namespace

Result Judge::judge(const Subject& subject) {
  const trace::Producer& producer = subject.candidate->producer();
  Result result{.case_name = subject.case_name, .family = subject.family, .notes = subject.notes};
  result.candidate = {subject.candidate_name, std::string(base::torch_name(producer.dtype)),
                      producer.name, std::string(subject.contract->name)};
  Findings findings(result);
  std::optional<OracleJudge> oracle;
  if (oracle_ != nullptr) {
    oracle.emplace(truth_, *oracle_);
    note_missing_prompts(*oracle_, subject.prompts, findings);
  }
  if (subject.prompts.empty()) findings.doubt("", "the candidate recorded no prompt");
  std::deque<Judged> judged;
  for (const Prompt& prompt : subject.prompts) {
    const auto recording = subject.candidate->record(prompt, subject.taps, subject.greedy_steps);
    judged.push_back({.recorded = {truth_.graph(), *recording, prompt.tokens.size(),
                                   subject.candidate_name + ": " + prompt.name}});
    Judged& here = judged.back();
    here.subject = {&prompt, &here.recorded, recording->greedy(), subject.contract};
    note_ignored(here.recorded, result.notes);
    if (!here.recorded.has(kLogits)) {
      findings.doubt("logits", fmt::format("{}: no logits were recorded", prompt.name));
    }
    if (oracle) oracle->judge(prompt, taps_to_judge(truth_.graph(), here.recorded));
    findings.add(judge_surely(truth_, here));
  }
  findings.finish(oracle);
  const std::vector<Scene> scenes = make_scenes(judged);
  if (result.first_divergence) explain(truth_, scenes, result);
  if (!scenes.empty()) weigh(truth_, scenes, result);
  return result;
}

}  // namespace plumb::compare
