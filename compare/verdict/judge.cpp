#include "compare/verdict/judge.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "compare/diagnose/diagnose.h"
#include "compare/diagnose/first_divergence.h"
#include "compare/diagnose/state_diagnose.h"
#include "compare/measure/gates.h"
#include "compare/power/power.h"
#include "compare/verdict/findings.h"
#include "compare/verdict/prompt_judge.h"
#include "compare/verdict/small_departures.h"
#include "compare/verdict/state_matrix.h"

namespace plumb::verdict {
namespace {

using diagnose::diagnose;
using diagnose::diagnose_state;
using diagnose::locate;
using diagnose::narrow;
using evidence::kLogits;
using evidence::Recorded;
using evidence::taps_to_judge;
using measure::kBeyondDoubt;
using measure::kByLittle;
using measure::kConfirmingReplicas;
using measure::kManyReplicas;
using measure::kOracleLimit;
using measure::kReplicas;
using measure::replicas_for;
using measure::within;
using power::can_afford_power;
using power::Coverage;
using power::measure_coverage;
using result::Diagnosis;
using result::kUnknown;
using result::Verdict;
using trace::Prompt;
using trace::Tap;
using trace::TapId;

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
          "recording", "",
          fmt::format("prompt {} of the oracle is missing from the candidate", wanted.name));
    }
  }
}

// What was recorded of one prompt, and what it is judged on.
struct Judged {
  Prompt prompt;
  Recorded recorded;
  PromptSubject subject;
  std::unique_ptr<Evidence> evidence;
};

void establish(Truth& truth, Judged& judged, int replicas) {
  const int enough = replicas_for(replicas, judged.subject.prompt->tokens.size(),
                                  static_cast<size_t>(truth.graph().hidden_size));
  judged.evidence =
      std::make_unique<Evidence>(truth, judged.subject, enough, replicas >= kConfirmingReplicas);
}

// A failure stands only when floors measured on more replicas confirm it, and one by little only
// when many do.
PromptFindings judge_surely(Truth& truth, Judged& judged) {
  establish(truth, judged, kReplicas);
  PromptFindings findings = judge_prompt(truth, judged.subject, *judged.evidence);
  const auto is_certain = [&](double beyond) {
    const auto& first = findings.first_divergence;
    return findings.failures.empty() || (first && first->local_ratio > beyond);
  };
  const std::pair<int, double> steps[] = {{kConfirmingReplicas, kBeyondDoubt},
                                          {kManyReplicas, kByLittle}};
  for (const auto& [replicas, beyond] : steps) {
    if (is_certain(beyond)) break;
    establish(truth, judged, replicas);
    findings = judge_prompt(truth, judged.subject, *judged.evidence);
  }
  return findings;
}

// The prompts that hold the same taps as the first, without NaN.
std::vector<Scene> make_scenes(const std::deque<Judged>& prompts) {
  std::vector<Scene> scenes;
  for (const Judged& prompt : prompts) {
    if (!prompt.prompt.run.empty() || !prompt.recorded.finite()) continue;
    if (!scenes.empty() && !scenes.front().subject.recorded->is_like(prompt.recorded)) continue;
    scenes.push_back({prompt.subject, *prompt.evidence});
  }
  return scenes;
}

// Of a prompt run otherwise than at once.
Explanation explain_run(Truth& truth, const std::deque<Judged>& judged, FirstDivergence& first) {
  std::vector<Prompt> others;
  for (const Judged& other : judged) {
    if (other.prompt.run.empty()) others.push_back(other.prompt);
  }
  const auto run = std::find_if(judged.begin(), judged.end(), [&](const Judged& candidate) {
    return candidate.prompt.name == first.run;
  });
  if (run == judged.end() || !run->recorded.finite()) return {};
  return diagnose_state(truth, {run->subject, *run->evidence}, others, first);
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
// `known`: where a gate found that itself.
void explain(Truth& truth, const std::deque<Judged>& judged, const std::vector<Scene>& scenes,
             const std::vector<std::string>& unknown_causes,
             const std::optional<Explanation>& known, Result& result) {
  FirstDivergence& first = *result.first_divergence;
  const Tap tap = *trace::parse_tap(first.tap);
  result.diagnosis.emplace();
  if (trace::definition(tap.id).state) return;
  Explanation explanation;
  if (first.run.empty()) {
    if (const auto cause = explain_miscount(scenes)) return result.diagnosis->push_back(*cause);
    if (scenes.empty() || tap.id == TapId::kRouterIds) return;
    explanation = known ? *known : diagnose(truth, scenes, tap, unknown_causes);
    if (!explanation.ops.empty()) narrow(truth.graph(), explanation.ops, first);
  } else {
    if (tap.id == TapId::kRouterIds) return;
    explanation = explain_run(truth, judged, first);
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

// The ways in which the candidate ran a prompt: at once, and those that a trace has beside it.
std::vector<Prompt> runs_of(trace::Source& candidate, const Prompt& prompt) {
  std::vector<Prompt> runs = candidate.runs(prompt);
  if (runs.empty()) return {prompt};
  const auto whole = candidate.record(prompt, trace::TapFilter::all(), 0);
  if (!whole->taps().empty()) runs.insert(runs.begin(), prompt);
  return runs;
}

StateCell cell_of(const Prompt& prompt, const Prompt& run, const PromptFindings& findings) {
  StateCell cell{.prompt = prompt.name, .run = run.run, .verdict = Verdict::kPassed};
  const auto logits = findings.taps.find(kLogits);
  if (logits != findings.taps.end()) cell.floor_ratio = logits->second.global.ratio();
  if (findings.failures.empty()) return cell;
  cell.verdict = Verdict::kFailed;
  if (!findings.first_divergence) return cell;
  cell.call = findings.first_divergence->call;
  cell.position = findings.first_divergence->position;
  cell.slots = findings.first_divergence->slots;
  return cell;
}

}  // namespace

// One candidate on its way to a result.
class Judge::Session {
 public:
  Session(Judge& judge, const Subject& subject, Result& result)
      : judge_(judge), truth_(judge.truth_), subject_(subject), result_(result), findings_(result) {
    if (judge.oracle_ == nullptr) return;
    oracle_.emplace(truth_, *judge.oracle_);
    note_missing_prompts(*judge.oracle_, subject.prompts, findings_);
  }

  void run() {
    if (subject_.prompts.empty())
      findings_.doubt("recording", "", "the candidate recorded no prompt");
    for (const Prompt& prompt : subject_.prompts) {
      bool counted = false;
      for (const Prompt& run : runs_of(*subject_.candidate, prompt)) {
        judge_run(prompt, run, !std::exchange(counted, true));
      }
    }
    if (subject_.state_matrix) judge_matrix();
    judge_small();
    findings_.finish(oracle_);
    if (subject_.verdict_only) return;
    const std::vector<Scene> scenes = make_scenes(judged_);
    if (result_.first_divergence) {
      explain(truth_, judged_, scenes, subject_.unknown_causes, explanation_, result_);
    }
    if (!scenes.empty()) weigh(truth_, scenes, result_);
  }

 private:
  void judge_run(const Prompt& prompt, const Prompt& run, bool counted) {
    const auto recording = subject_.candidate->record(run, subject_.taps, subject_.greedy_steps);
    judged_.push_back({.prompt = run,
                       .recorded = {truth_.graph(), *recording, run.tokens.size(),
                                    subject_.candidate_name + ": " + run.name}});
    Judged& here = judged_.back();
    here.subject = {&here.prompt, &here.recorded, recording->greedy(), subject_.contract};
    note_ignored(here.recorded, result_.notes);
    if (!here.recorded.has(kLogits)) {
      findings_.doubt("recording", "logits", fmt::format("{}: no logits were recorded", run.name));
    }
    if (oracle_ && run.run.empty()) {
      oracle_->judge(prompt, taps_to_judge(truth_.graph(), here.recorded));
    }
    PromptFindings findings = judge_surely(truth_, here);
    if (!run.run.empty()) {
      if (!result_.state) result_.state.emplace();
      result_.state->cells.push_back(cell_of(prompt, run, findings));
    }
    if (counted) findings_.count(findings);
    findings_.add(std::move(findings));
  }

  // In 16 bits: what the limits leave through, where it comes before what they do not.
  void judge_small() {
    auto found = find_small();
    if (!found) return;
    if (found->gate == "bits") {  // confirmed on more replicas, as all failures
      for (Judged& here : judged_) {
        if (here.prompt.run.empty()) establish(truth_, here, kConfirmingReplicas);
      }
      found = find_small();
      if (!found) return;
    }
    if (!found->certain) return findings_.doubt(found->gate, found->tap.name(), found->message);
    const Recorded& recorded = *make_scenes(judged_).front().subject.recorded;
    result_.first_divergence = locate(
        truth_.graph(), found->tap, [&](const Tap& tap) { return recorded.has(tap); }, kUnknown);
    findings_.fail({found->gate, found->tap.name(), found->message});
    explanation_ = std::move(found->explanation);
  }

  std::optional<SmallDeparture> find_small() {
    const auto& first = result_.first_divergence;
    if (first && !first->run.empty()) return std::nullopt;
    const std::vector<Scene> scenes = make_scenes(judged_);
    auto bits = find_other_bits(truth_, scenes, subject_.unknown_causes, result_.notes);
    if (!first) return bits ? bits : find_match(truth_, scenes, subject_.unknown_causes);
    const auto& graph = truth_.graph();
    const bool before = bits && graph.find(bits->tap) < graph.find(*trace::parse_tap(first->tap));
    return before ? bits : std::nullopt;
  }

  void judge_matrix() {
    auto* const engine = dynamic_cast<trace::Engine*>(subject_.candidate);
    if (engine == nullptr) return;  // a trace has the runs that it has
    std::vector<MatrixPrompt> judged;
    for (const Judged& here : judged_) judged.push_back({here.subject, *here.evidence});
    MatrixFindings matrix = judge_state_matrix(truth_, *engine, subject_.prompts, judged);
    result_.state.emplace(reference_matrix(), std::move(matrix.cells));
    if (!within(result_.state->reference_max_rel, kOracleLimit)) {
      findings_.fail(
          {"state", "logits",
           fmt::format("the reference in pieces differs from the prompt at once by {:.3g}",
                       result_.state->reference_max_rel)});
    }
    for (PromptFindings& findings : matrix.failures) findings_.add(std::move(findings));
  }

  double reference_matrix() {
    std::vector<std::vector<int64_t>> key;
    for (const Prompt& prompt : subject_.prompts) key.push_back(prompt.tokens);
    const auto [at, fresh] = judge_.reference_matrices_.try_emplace(key, kUnknown);
    if (fresh) at->second = measure_reference_matrix(truth_.reference(), subject_.prompts);
    return at->second;
  }

  Judge& judge_;
  Truth& truth_;
  const Subject& subject_;
  Result& result_;
  Findings findings_;
  std::optional<OracleJudge> oracle_;
  std::deque<Judged> judged_;
  std::optional<Explanation> explanation_;
};

Result Judge::judge(const Subject& subject) {
  const trace::Producer& producer = subject.candidate->producer();
  Result result{.case_name = subject.case_name, .family = subject.family, .notes = subject.notes};
  result.candidate = {subject.candidate_name, std::string(base::torch_name(producer.dtype)),
                      producer.name, std::string(subject.contract->name)};
  Session(*this, subject, result).run();
  return result;
}

}  // namespace plumb::verdict
