#include "studies/judge/experiment.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>

#include <algorithm>
#include <chrono>

#include "base/parallel.h"
#include "compare/measure/gates.h"
#include "compare/verdict/judge.h"
#include "graph/segment.h"
#include "studies/judge/common_gates.h"
#include "tests/support/emulated_engine.h"

namespace plumb::studies {
namespace {

using library::Fault;
using library::FaultClass;
using library::Mutant;
using reference::Matrix;
using result::Diagnosis;
using result::Result;
using result::Verdict;
using tests::EmulatedEngine;
using tests::SyntheticModel;

// Where the seeds of the engines' own rounding errors begin.
constexpr uint64_t kDriftSeed = 500;
constexpr uint64_t kCleanSeed = 1000;
constexpr uint64_t kFaultSeed = 99;

bool is_named(const Fault& fault, const Diagnosis& diagnosis) {
  return diagnosis.cause == fault.cause() && diagnosis.says.starts_with(fault.place + " ");
}

// Causes that give the same values are all named.
bool is_named(const Fault& fault, const std::vector<Diagnosis>& diagnosis) {
  return std::ranges::any_of(diagnosis, [&](const auto& one) { return is_named(fault, one); });
}

// The result says that it could not have seen the mistake.
bool is_blind_to(const Result& result, const Fault& fault) {
  if (result.verdict == Verdict::kInconclusive) return true;
  return result.power && std::ranges::find(result.power->blind_to, fault.row->cause) !=
                             result.power->blind_to.end();
}

// With segments to look at, the first that departs holds an op of the mistake; with logits alone,
// the first cause is in its layer.
bool is_blamed(const graph::Graph& graph, const Fault& fault, const trace::TapFilter& recorded,
               const Result& result) {
  if (!recorded.matches({trace::TapId::kEmbed, -1})) {
    return !result.diagnosis->empty() && result.diagnosis->front().layer == fault.layer;
  }
  const auto changed = fault.mutate(graph).changed_ops();
  const auto segment =
      graph::segment_before(graph, *trace::parse_tap(result.first_divergence->tap),
                            [&](const trace::Tap& tap) { return recorded.matches(tap); });
  return std::ranges::any_of(segment.ops,
                             [&](size_t op) { return std::ranges::binary_search(changed, op); });
}

// "logprobs" among the taps are of all tokens, "logprobs:20" of the 20 best, "logprobs:20:1e-4" of
// these, printed in steps.
std::optional<tests::LogprobOptions> listed_in(const std::string& taps) {
  if (!taps.starts_with(trace::kLogprobs)) return std::nullopt;
  tests::LogprobOptions listed;
  const size_t tokens = taps.find(':');
  if (tokens == std::string::npos) return listed;
  listed.tokens = std::stoul(taps.substr(tokens + 1));
  const size_t step = taps.find(':', tokens + 1);
  if (step != std::string::npos) listed.step = std::stod(taps.substr(step + 1));
  return listed;
}

std::vector<std::string> names_in(const Result& result) {
  std::vector<std::string> names = {std::string(result::to_text(result.verdict))};
  if (result.diagnosis) {
    for (const Diagnosis& cause : *result.diagnosis) names.push_back(cause.says);
  }
  std::ranges::sort(names);
  return names;
}

class Experiment {
 public:
  Experiment(const StudyModel& model, const ExperimentOptions& options)
      : options_(options),
        model_(model.one),
        name_(model.one.name),
        right_(model_.graph, model_.weights, threads_),
        prompts_(prompts_for(model, model_.graph.vocab_size,
                             model_.config.spec.max_position_embeddings)),
        judge_(right_, nullptr),
        faults_(library::applicable_faults(model_.graph)),
        truth_(exact_values(evidence::kLogits)) {
    if (options.verbose) report_.lines.push_back(describe(model));
  }

  Report run() {
    for (const std::string& dtype : options_.dtypes) {
      contract_ = &graph::default_contract(*base::dtype_from_torch_name(dtype));
      dtype_ = dtype;
      drift_ = logits_of(engine(kDriftSeed, "logits")).metrics;
      for (int k = 0; k < options_.clean; ++k) run_clean(kCleanSeed + static_cast<uint64_t>(k));
      if (options_.every == 0) continue;
      for (size_t i = options_.offset; i < faults_.size(); i += options_.every) plant(i);
    }
    return std::move(report_);
  }

 private:
  // --- engines, and what they give

  EmulatedEngine engine(uint64_t seed, const std::string& taps, const Mutant* mutant = nullptr) {
    const auto listed = listed_in(taps);
    return {mutant != nullptr ? mutant->reference() : right_,
            {.contract = contract_,
             .seed = seed,
             .taps = listed ? "logits" : taps,
             .lists_logprobs = listed.has_value(),
             .logprobs = listed.value_or(tests::LogprobOptions{}),
             .deviations = mutant != nullptr ? &mutant->deviations() : nullptr}};
  }

  std::vector<Matrix> recorded_by(EmulatedEngine engine, const trace::Tap& tap) const {
    std::vector<Matrix> values;
    for (const trace::Prompt& prompt : prompts_) {
      const auto recording = engine.record(prompt, trace::TapFilter::all(), 0);
      const trace::Tensor tensor = recording->read(tap);
      values.push_back(reference::make_matrix(tensor.rows(), tensor.width()));
      std::ranges::copy(tensor.values, values.back().begin());
    }
    return values;
  }

  LogitsComparison logits_of(const EmulatedEngine& engine) const {
    return compare_logits(recorded_by(engine, evidence::kLogits), truth_);
  }

  // Of each prompt.
  std::vector<Matrix> exact_values(const trace::Tap& tap, const Mutant* mutant = nullptr) const {
    std::vector<Matrix> values;
    const evidence::Given given{.deviations = mutant != nullptr ? &mutant->deviations() : nullptr};
    for (const trace::Prompt& prompt : prompts_) {
      auto made = evidence::replay(mutant != nullptr ? mutant->reference() : right_, prompt.tokens,
                                   {tap}, given);
      values.push_back(std::move(made.at(tap)));
    }
    return values;
  }

  // A rounding shows in emulations alone.
  bool changes_anything(const Fault& fault, const Mutant& mutant) const {
    if (fault.row->severity == FaultClass::kRounding) return true;
    const std::vector<Matrix> made = exact_values(evidence::kLogits, &mutant);
    for (size_t i = 0; i < made.size(); ++i) {
      if (!measure::within(measure::measure(made[i], truth_[i]).max_rel, measure::kOracleLimit)) {
        return true;
      }
    }
    return false;
  }

  // --- judging

  Result judge(EmulatedEngine engine, std::vector<std::string> unknown_causes = {}) {
    const auto start = std::chrono::steady_clock::now();
    Result result = judge_.judge({.case_name = "study",
                                  .family = "study",
                                  .candidate = &engine,
                                  .candidate_name = "study",
                                  .prompts = prompts_,
                                  .contract = contract_,
                                  .unknown_causes = std::move(unknown_causes)});
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    report_.slowest = std::max(report_.slowest, took.count());
    return result;
  }

  void say(const std::string& taps, const std::string& what) {
    report_.lines.push_back(fmt::format("{} {} {}: {}", name_, dtype_, taps, what));
  }

  void run_clean(uint64_t seed) {
    const LogitsComparison logits = logits_of(engine(seed, "logits"));
    for (const CommonGate& gate : common_gates()) {
      CleanTally& tally = report_.gates[{dtype_, std::string(gate.name)}].clean;
      ++tally.runs;
      tally.alarms += !gate.passes(logits, drift_.max_abs);
    }
    for (const std::string& taps : options_.taps) {
      const Result result = judge(engine(seed, taps));
      CleanTally& tally = report_.clean[dtype_ + " " + taps];
      ++tally.runs;
      tally.alarms += result.verdict == Verdict::kFailed;
      tally.inconclusive += result.verdict == Verdict::kInconclusive;
      CleanTally& gate = report_.gates[{dtype_, "plumb, " + taps}].clean;
      ++gate.runs;
      gate.alarms += result.verdict != Verdict::kPassed;
      if (result.verdict == Verdict::kPassed) continue;
      say(taps, fmt::format("a clean run is {}: {} {}", result::to_text(result.verdict),
                            result.reasons.front().tap, result.reasons.front().message));
    }
  }

  void plant(size_t index) {
    const Fault& fault = faults_[index];
    if (::fnmatch(options_.fault.c_str(), fault.row->cause.data(), 0) != 0) return;
    const Mutant mutant(right_, fault.mutate(model_.graph));
    if (!changes_anything(fault, mutant)) return;
    const uint64_t seed = kFaultSeed + index;
    const LogitsComparison logits = logits_of(engine(seed, "logits", &mutant));
    for (const CommonGate& gate : common_gates()) {
      count(std::string(gate.name), fault, gate.passes(logits, drift_.max_abs));
    }
    std::vector<std::string> first;
    for (const std::string& taps : options_.taps) {
      const Result result = judge(engine(seed, taps, &mutant));
      count("plumb, " + taps, fault, result.verdict != Verdict::kFailed);
      const std::vector<std::string> names = names_in(result);
      if (first.empty()) first = names;
      assess(fault, mutant, taps, result, seed);
      tally_of(taps, fault).same += names == first;
      if (options_.verbose && names != first) {
        say(taps, fmt::format("{}: {}, and of the first taps {}", fault.says(), names, first));
      }
    }
  }

  void count(const std::string& gate, const Fault& fault, bool missed) {
    GateTally& tally = report_.gates[{dtype_, gate}];
    ++tally.planted[fault.row->severity];
    tally.missed[fault.row->severity] += missed;
  }

  Tally& tally_of(const std::string& taps, const Fault& fault) {
    return report_.tallies[fmt::format("{} {} {}", dtype_, taps, name_of(fault.row->severity))];
  }

  void assess(const Fault& fault, const Mutant& mutant, const std::string& taps,
              const Result& result, uint64_t seed) {
    Tally& tally = tally_of(taps, fault);
    ++tally.planted;
    std::string outcome;
    if (result.verdict != Verdict::kFailed) {
      const bool blind = is_blind_to(result, fault);
      tally.blind += blind;
      outcome = blind ? "blind" : "missed";
    } else {
      ++tally.killed;
      const bool blamed = is_blamed(model_.graph, fault, trace::TapFilter(taps), result);
      const bool right = is_named(fault, *result.diagnosis);
      tally.blamed += blamed;
      tally.named += right;
      tally.wrong += !right && !result.diagnosis->empty();
      if (!right) outcome = describe_unnamed(result);
      if (!blamed)
        outcome += "; " + result.reasons.front().tap + ": " + result.reasons.front().message;
      if (options_.holdout) tally.accepted += is_name_accepted(fault, mutant, taps, result, seed);
    }
    if (options_.verbose && !outcome.empty()) {
      say(taps, fmt::format("{} ({}): {}", fault.says(), fault.row->cause, outcome));
    }
  }

  static std::string describe_unnamed(const Result& result) {
    if (!result.diagnosis->empty()) return "WRONG: " + result.diagnosis->front().says;
    const auto note = std::ranges::find_if(
        result.notes, [](const std::string& text) { return text.starts_with("cause unknown"); });
    return note == result.notes.end() ? "unknown" : *note;
  }

  // --- without the fault's row, nor those that give the same values

  bool is_name_accepted(const Fault& fault, const Mutant& mutant, const std::string& taps,
                        const Result& whole, uint64_t seed) {
    std::vector<std::string> unknown = {fault.cause()};
    if (is_named(fault, *whole.diagnosis)) {
      for (const Diagnosis& cause : *whole.diagnosis) unknown.push_back(cause.cause);
    }
    while (true) {
      const Result result = judge(engine(seed, taps, &mutant), unknown);
      if (result.diagnosis->empty()) return false;
      const Diagnosis& cause = result.diagnosis->front();
      if (!gives_same(cause, mutant, *trace::parse_tap(result.first_divergence->tap))) {
        say(taps,
            fmt::format("{}; held out, accepted: {} ({})", fault.says(), cause.says, cause.cause));
        return true;
      }
      unknown.push_back(cause.cause);
    }
  }

  // Does the cause make the mutant's values at the tap, but for less than a clean run's errors?
  bool gives_same(const Diagnosis& cause, const Mutant& mutant, const trace::Tap& tap) {
    const auto at =
        std::ranges::find_if(faults_, [&](const Fault& fault) { return is_named(fault, cause); });
    if (at == faults_.end() || at->row->severity == FaultClass::kRounding) return false;
    Fault fault = *at;
    fault.parameter = cause.parameter.value_or(fault.parameter);
    const Mutant other(right_, fault.mutate(model_.graph));
    const std::vector<Matrix> ours = exact_values(tap, &other);
    const std::vector<Matrix> theirs = exact_values(tap, &mutant);
    const std::vector<Matrix> truth = exact_values(tap);
    const std::vector<Matrix> clean = recorded_by(engine(kDriftSeed, "all"), tap);
    for (size_t i = 0; i < ours.size(); ++i) {
      const double noise = measure::measure(clean[i], truth[i]).rms;
      if (!measure::within(measure::measure(ours[i], theirs[i]).rms, noise)) return false;
    }
    return true;
  }

  const ExperimentOptions& options_;
  SyntheticModel model_;
  std::string name_;
  base::Threads threads_{1};
  reference::Reference right_;
  std::vector<trace::Prompt> prompts_;
  verdict::Judge judge_;
  std::vector<Fault> faults_;
  std::vector<Matrix> truth_;  // logits of each prompt
  const graph::Contract* contract_ = nullptr;
  std::string dtype_;
  measure::Metrics drift_;  // of a clean run
  Report report_;
};

}  // namespace

Report run_experiment(const StudyModel& model, const ExperimentOptions& options) {
  return Experiment(model, options).run();
}

}  // namespace plumb::studies
