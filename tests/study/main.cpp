// Plants every fault of the library in models of the catalogue, hands the recordings to the judge,
// and prints how many it kills, finds and names; beside it, clean runs and what they are called.
// Exits with 1 where a target of docs/judgement.md is missed.
//
//   build/release/judge_study --cases 'llama*' --taps logits --dtype bfloat16 --every 7
#include <fmt/format.h>
#include <fnmatch.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

#include "base/parallel.h"
#include "compare/faults/fault.h"
#include "compare/judge.h"
#include "fixtures/catalogue.h"
#include "tests/support/emulated_engine.h"
#include "tests/support/model.h"

namespace plumb::tests {
namespace {

using compare::Fault;
using compare::FaultClass;
using compare::Verdict;

struct Options {
  std::string cases = "*";
  std::string fault = "*";
  std::vector<std::string> taps = {"all", "coarse", "logits"};
  std::vector<std::string> dtypes = {"float32", "bfloat16"};
  size_t every = 1;
  int clean = 1;
  size_t offset = 0;
  bool verbose = false;
};

struct Tally {
  int planted = 0;
  int killed = 0;
  int blamed = 0;  // first_divergence lies in the layer of the fault
  int named = 0;
  int wrong = 0;
};

struct Study {
  std::map<std::string, Tally> tallies;  // "dtype taps class"
  std::map<std::string, std::pair<int, int>> clean;
};

bool is_named(const Fault& fault, const compare::Diagnosis& diagnosis) {
  return diagnosis.cause == fault.cause() && diagnosis.says.starts_with(fault.place + " ");
}

compare::Result judge(compare::Judge& judge, EmulatedEngine& engine,
                      const std::vector<trace::Prompt>& prompts, const graph::Contract& contract) {
  return judge.judge({.case_name = "study",
                      .family = "study",
                      .candidate = &engine,
                      .candidate_name = "study",
                      .prompts = prompts,
                      .contract = &contract});
}

void run_case(const Options& options, const std::string& name, Study& study) {
  const Case one = read_case(name);
  const SyntheticModel model(one);
  const base::Threads threads(1);
  const reference::Reference right(model.graph, model.weights, threads);
  const auto prompts = fixtures::default_prompts(
      model.graph.vocab_size, model.config.spec.max_position_embeddings, one.seed);
  compare::Judge judge_of_case(right, nullptr);
  const std::vector<Fault> faults = compare::applicable_faults(model.graph);
  for (const std::string& dtype : options.dtypes) {
    const graph::Contract& contract = graph::default_contract(*base::dtype_from_torch_name(dtype));
    for (const std::string& taps : options.taps) {
      const std::string key = fmt::format("{:8} {:6}", dtype, taps);
      for (int k = 0; k < options.clean; ++k) {
        EmulatedEngine clean(
            right, {.contract = &contract, .seed = 1000 + static_cast<uint64_t>(k), .taps = taps});
        const auto verdict = judge(judge_of_case, clean, prompts, contract);
        study.clean[key].first += 1;
        if (verdict.verdict == Verdict::kPassed) continue;
        study.clean[key].second += 1;
        fmt::print("{} {} {}: {} {}\n", compare::to_text(verdict.verdict), name, key,
                   verdict.reasons.front().tap, verdict.reasons.front().message);
      }
      if (options.every == 0) continue;
      for (size_t i = options.offset; i < faults.size(); i += options.every) {
        const Fault& fault = faults[i];
        if (::fnmatch(options.fault.c_str(), fault.row->cause.data(), 0) != 0) continue;
        const compare::Mutant mutant(right, fault.mutate(model.graph));
        EmulatedEngine engine(mutant.reference(), {.contract = &contract,
                                                   .seed = 99 + i,
                                                   .taps = taps,
                                                   .deviations = &mutant.deviations()});
        const compare::Result result = judge(judge_of_case, engine, prompts, contract);
        const char* kinds[] = {"structural", "subtle", "rounding"};
        Tally& tally = study.tallies[key + " " + kinds[static_cast<int>(fault.row->severity)]];
        ++tally.planted;
        std::string outcome = "missed";
        if (result.verdict == Verdict::kFailed) {
          ++tally.killed;
          outcome = "unknown";
          const bool blamed = result.first_divergence &&
                              (!fault.layer || result.first_divergence->layer == fault.layer);
          tally.blamed += blamed;
          if (!blamed) outcome = "unknown, elsewhere";
          if (result.diagnosis && !result.diagnosis->empty()) {
            // Causes that give the same values are all named.
            const bool right_name = std::any_of(
                result.diagnosis->begin(), result.diagnosis->end(),
                [&](const compare::Diagnosis& diagnosis) { return is_named(fault, diagnosis); });
            ++(right_name ? tally.named : tally.wrong);
            outcome = right_name ? "named" : "WRONG: " + result.diagnosis->front().says;
          } else if (!result.notes.empty()) {
            outcome += "; " + result.notes.back();
          }
        }
        if (options.verbose && outcome != "named") {
          fmt::print("{} {} {} ({}): {}\n", name, key, fault.says(), fault.row->cause, outcome);
        }
      }
    }
  }
}

// No false alarm, no structural mistake missed, hardly a wrong name.
bool meets_targets(const Study& study) {
  constexpr double kWrong = 0.01;
  int planted = 0;
  int wrong = 0;
  bool met = true;
  for (const auto& [key, tally] : study.tallies) {
    planted += tally.planted;
    wrong += tally.wrong;
    if (key.ends_with("structural")) met &= tally.killed == tally.planted;
  }
  for (const auto& [key, clean] : study.clean) met &= clean.second == 0;
  return met && wrong <= kWrong * planted;
}

int run(const Options& options) {
  Study study;
  for (const std::string& name : case_names()) {
    if (::fnmatch(options.cases.c_str(), name.c_str(), 0) == 0) run_case(options, name, study);
  }
  fmt::print(
      "\n| dtype, taps, class | planted | killed | blamed | named | wrong "
      "|\n|---|---|---|---|---|---|\n");
  for (const auto& [key, t] : study.tallies) {
    fmt::print("| {} | {} | {} | {} | {} | {} |\n", key, t.planted, t.killed, t.blamed, t.named,
               t.wrong);
  }
  for (const auto& [key, clean] : study.clean) {
    fmt::print("clean {}: {} runs, {} false alarms\n", key, clean.first, clean.second);
  }
  return meets_targets(study) ? 0 : 1;
}

}  // namespace
}  // namespace plumb::tests

int main(int argc, char** argv) {
  CLI::App app("plants faults and counts what the judge makes of them");
  plumb::tests::Options options;
  app.add_option("--cases", options.cases, "glob over case names");
  app.add_option("--fault", options.fault, "glob over causes");
  app.add_option("--taps", options.taps, "all, coarse, logits");
  app.add_option("--dtype", options.dtypes, "float32, bfloat16");
  app.add_option("--every", options.every, "plant every n-th fault; 0: none");
  app.add_option("--clean", options.clean, "clean runs of each kind");
  app.add_option("--offset", options.offset, "the first of them");
  app.add_flag("--verbose", options.verbose, "say what was not named");
  CLI11_PARSE(app, argc, argv);
  return plumb::tests::run(options);
}
