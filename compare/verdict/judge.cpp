#include "compare/verdict/judge.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "compare/diagnose/first_divergence.h"
#include "compare/evidence/listing.h"
#include "compare/measure/gates.h"
#include "compare/verdict/account.h"
#include "compare/verdict/findings.h"
#include "compare/verdict/judged.h"
#include "compare/verdict/prompt_judge.h"
#include "compare/verdict/small_departures.h"
#include "compare/verdict/state_matrix.h"
#include "compare/verdict/weighing.h"
#include "graph/lengths.h"

namespace plumb::verdict {
namespace {

using diagnose::locate;
using evidence::kLogits;
using evidence::Recorded;
using evidence::taps_to_judge;
using measure::kConfirmingReplicas;
using measure::kLeastContractSize;
using measure::kOracleLimit;
using measure::Listing;
using measure::within;
using result::Diagnosis;
using result::Gate;
using result::kUnknown;
using result::TapRow;
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
          {Gate::kRecording, "",
           fmt::format("prompt {} of the oracle is missing from the candidate", wanted.name)});
    }
  }
}

// The ways in which the candidate ran a prompt: at once, and those that a trace has beside it.
std::vector<Prompt> runs_of(trace::Source& candidate, const Prompt& prompt) {
  std::vector<Prompt> runs = candidate.runs(prompt);
  if (runs.empty()) return {prompt};
  const auto whole = candidate.record(prompt, trace::TapFilter::all(), 0);
  const bool holds = !whole->taps().empty() || trace::logprobs_of(*whole) || whole->greedy();
  if (holds) runs.insert(runs.begin(), prompt);
  return runs;
}

// Rounds everything to one type: what keeps it needs no explanation.
bool is_plain(const graph::Contract& contract) {
  return contract.exceptions.empty() && contract.storage == contract.compute;
}

bool passes_between_calls(const Prompt& run, size_t limit) {
  size_t end = 0;
  for (const size_t piece : run.pieces) {
    if (end > 0 && end <= limit && end + piece > limit) return true;
    end += piece;
  }
  return false;
}

// What judging by log-probabilities rests on.
std::string describe(const Listing& listing) {
  std::string text = fmt::format("judged by the log-probabilities of {} of {} tokens a position",
                                 listing.width, listing.vocab_size);
  if (listing.print.step > 0.0) {
    text += fmt::format(", printed in steps of {:g}: what moves them by less cannot show",
                        listing.print.step);
  } else if (listing.print.in_16_bits) {
    text += ", rounded to 16 bits: what moves them by less cannot show";
  }
  return text;
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
      : judge_(judge),
        truth_(judge.truth_),
        subject_(subject),
        result_(result),
        findings_(result, evidence::end_of(judge.truth_.graph())) {
    if (judge.oracle_ == nullptr) return;
    oracle_.emplace(truth_, *judge.oracle_);
    note_missing_prompts(*judge.oracle_, subject.prompts, findings_);
  }

  void run() {
    if (subject_.prompts.empty())
      findings_.doubt({Gate::kRecording, "", "the candidate recorded no prompt"});
    for (const Prompt& prompt : subject_.prompts) {
      bool counted = false;
      for (const Prompt& run : runs_of(*subject_.candidate, prompt)) {
        judge_run(prompt, run, !std::exchange(counted, true));
      }
    }
    if (subject_.state_matrix) judge_matrix();
    judge_small();
    findings_.settle(oracle_);
    if (!subject_.verdict_only) explain_and_weigh();
    name_readout();
    result_.verdict = findings_.verdict();
  }

  // The strictest contract that the candidate keeps; null where none is known. Under one stricter
  // than its own nothing is excused, and it has to make something of the kind all the same.
  const graph::Contract* find_kept() const {
    for (const graph::Contract* contract : graph::contracts_by_strictness()) {
      if (contract == subject_.contract) break;
      const Result under = again_under(*contract, false);
      const bool passes = under.verdict != Verdict::kFailed;
      const bool is_like = within(kLeastContractSize, under.drift.floor_ratio);
      if (passes && (is_plain(*contract) || is_like)) return contract;
    }
    return result_.verdict == Verdict::kFailed ? kept_ : subject_.contract;
  }

  // What was recorded for another session, under this one's contract.
  void run_again(const std::deque<Judged>& recorded, bool explains) {
    for (const Judged& other : recorded) {
      judged_.push_back({.prompt = other.prompt, .recorded = other.recorded});
      Judged& here = judged_.back();
      here.subject = {&here.prompt, here.recorded.get(), other.subject.greedy, subject_.contract,
                      other.subject.rebuilt_beyond};
      add(judge_surely(truth_, here));
    }
    judge_small();
    findings_.settle(std::nullopt);
    result_.verdict = findings_.verdict();
    if (!explains || !result_.first_divergence || misrecorded_) return;
    explain_departure(false);
  }

 private:
  void explain_and_weigh() {
    if (misrecorded_) {
      result_.diagnosis.emplace();
      if (misrecording_) result_.diagnosis->push_back(*misrecording_);
    } else if (result_.first_divergence) {
      explain_departure(subject_.tries_contracts);
    }
    weigh(truth_, judged_, subject_.impossible, findings_, result_);
  }

  void judge_run(const Prompt& prompt, const Prompt& run, bool counted) {
    const auto recording = subject_.candidate->record(run, subject_.taps, subject_.greedy_steps);
    judged_.push_back(
        {.prompt = run,
         .recorded = std::make_shared<const Recorded>(truth_.graph(), *recording, run.tokens.size(),
                                                      subject_.candidate_name + ": " + run.name,
                                                      truth_.reference().positions_before())});
    Judged& here = judged_.back();
    here.subject = {&here.prompt, here.recorded.get(), recording->greedy(), subject_.contract};
    note_ignored(*here.recorded, result_.notes);
    const bool has_logits = here.recorded->has(kLogits) || !truth_.graph().find(kLogits);
    if (!has_logits && !has_tokens_alone(truth_, here)) {
      findings_.doubt(
          {Gate::kRecording, "logits", fmt::format("{}: no logits were recorded", run.name)});
    }
    if (oracle_ && run.run.empty()) {
      oracle_->judge(prompt, taps_to_judge(truth_.graph(), *here.recorded));
    }
    PromptFindings findings = judge_lengths(here);
    if (!run.run.empty()) {
      if (!result_.state) result_.state.emplace();
      result_.state->cells.push_back(cell_of(prompt, run, findings));
    }
    if (counted) findings_.count(findings);
    add(std::move(findings));
  }

  // Where a longrope turns to its long factors between two calls, keys that the short ones made may
  // be kept, or computed anew as transformers' generate does; both are said.
  PromptFindings judge_lengths(Judged& here) {
    PromptFindings kept = judge_surely(truth_, here);
    const size_t limit = graph::short_factor_positions(truth_.graph());
    if (!passes_between_calls(here.prompt, limit)) return kept;
    if (kept.failures.empty()) {
      kept.notes.push_back(fmt::format(
          "{}: keys made with the short factors are kept beyond {} positions; transformers' "
          "generate computes them anew there",
          here.prompt.name, limit));
      return kept;
    }
    here.subject.rebuilt_beyond = limit;
    PromptFindings rebuilt = judge_surely(truth_, here);
    if (rebuilt.failures.empty()) {
      rebuilt.notes.push_back(fmt::format(
          "{}: keys are computed anew beyond {} positions, as transformers' generate does",
          here.prompt.name, limit));
      return rebuilt;
    }
    here.subject.rebuilt_beyond = 0;
    return judge_surely(truth_, here);
  }

  // What departs earliest in the forward, in whichever prompt, is told of.
  void add(PromptFindings findings) {
    if (comes_first(findings.first_divergence)) {
      result_.first_divergence = findings.first_divergence;
      misrecorded_ = findings.misrecorded;
      misrecording_ = findings.misrecording;
    }
    findings_.add(std::move(findings));
  }

  bool comes_first(const std::optional<FirstDivergence>& other) const {
    const auto& known = result_.first_divergence;
    if (!other || !known) return other.has_value();
    if (!other->run.empty() || !known->run.empty()) return false;
    const auto place = [&](const FirstDivergence& first) {
      return truth_.graph().find(*trace::parse_tap(first.tap));
    };
    return place(*other) && place(*known) && *place(*other) < *place(*known);
  }

  // In 16 bits: what the limits leave through, where it comes before what they do not.
  void judge_small() {
    auto found = find_small();
    if (!found) return;
    if (found->gate == Gate::kBits) {  // confirmed on more replicas, as all failures
      for (Judged& here : judged_) {
        if (here.prompt.run.empty()) establish(truth_, here, kConfirmingReplicas);
      }
      found = find_small();
      if (!found) return;
    }
    if (!found->certain) {
      return findings_.doubt({found->gate, found->tap.name(), found->message});
    }
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
          {Gate::kState, "logits",
           fmt::format("the reference in pieces differs from the prompt at once by {:.3g}",
                       result_.state->reference_max_rel)});
    }
    for (PromptFindings& findings : matrix.failures) findings_.add(std::move(findings));
  }

  // The last tap is named as it was recorded.
  void name_readout() {
    const auto listed = std::ranges::find_if(
        judged_, [](const Judged& here) { return here.recorded->readout().is_listing(); });
    if (listed == judged_.end()) return;
    const std::string logits = kLogits.name();
    const auto rename = [&](std::string& tap) {
      if (tap == logits) tap = trace::kLogprobs;
    };
    for (Reason& reason : result_.reasons) rename(reason.tap);
    for (TapRow& row : result_.taps) rename(row.tap);
    if (result_.first_divergence) rename(result_.first_divergence->tap);
    result_.notes.push_back(describe(listed->recorded->readout().listing()));
  }

  double reference_matrix() {
    std::vector<std::vector<int64_t>> key;
    for (const Prompt& prompt : subject_.prompts) key.push_back(prompt.tokens);
    const auto [at, fresh] = judge_.reference_matrices_.try_emplace(key, kUnknown);
    if (fresh) at->second = measure_reference_matrix(truth_.reference(), subject_.prompts);
    return at->second;
  }

  void explain_departure(bool tries_contracts) {
    Account::Again again;
    if (tries_contracts) {
      again = [this](const graph::Contract& contract, bool explains) {
        return again_under(contract, explains);
      };
    }
    kept_ = Account(truth_, judged_, subject_.unknown_causes, again, result_).run(explanation_);
  }

  Result again_under(const graph::Contract& contract, bool explains) const {
    Subject subject = subject_;
    subject.contract = &contract;
    Result result{.candidate = result_.candidate};
    Session(judge_, subject, result).run_again(judged_, explains);
    return result;
  }

  Judge& judge_;
  Truth& truth_;
  const Subject& subject_;
  Result& result_;
  Findings findings_;
  std::optional<OracleJudge> oracle_;
  std::deque<Judged> judged_;
  std::optional<Explanation> explanation_;
  bool misrecorded_ = false;  // what departs first is a recording
  std::optional<Diagnosis> misrecording_;
  // Of one that fails: the contract that accounts for it.
  const graph::Contract* kept_ = nullptr;
};

namespace {

Result blank_result(const Subject& subject) {
  const trace::Producer& producer = subject.candidate->producer();
  Result result{.case_name = subject.case_name, .family = subject.family, .notes = subject.notes};
  result.candidate = {subject.candidate_name, std::string(base::torch_name(producer.dtype)),
                      producer.name, std::string(subject.contract->name)};
  return result;
}

}  // namespace

Result Judge::judge(const Subject& subject) {
  Result result = blank_result(subject);
  Session(*this, subject, result).run();
  return result;
}

Result Judge::judge_under_best(const Subject& subject) {
  Result result = blank_result(subject);
  Session session(*this, subject, result);
  session.run();
  const graph::Contract* const best = session.find_kept();
  if (best == nullptr) {
    result.notes.emplace_back("no contract explains the candidate");
    return result;
  }
  if (best != subject.contract) {
    Subject other = subject;
    other.contract = best;
    result = judge(other);
  }
  result.notes.push_back(
      fmt::format("contract {} explains the candidate: {}", best->name, best->meaning));
  return result;
}

}  // namespace plumb::verdict
