// Plants every fault of the library in models of the catalogue, hands the recordings to the judge,
// and prints how many it kills, finds and names; beside it, clean runs and what they are called,
// and what the gates in common use make of the same runs. Exits with 1 where a target of
// docs/judgement.md is missed.
//
//   build/release/judge_study --cases 'llama*' --taps logits --dtype bfloat16 --every 7
//   build/release/judge_study --models 40 --seed 1 --every 20 --threads 2
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <mutex>

#include "base/parallel.h"
#include "studies/judge/experiment.h"

namespace plumb::studies {
namespace {

struct Options {
  ExperimentOptions experiment;
  std::string cases = "*";
  size_t models = 0;
  uint64_t seed = 1;
  int threads = 1;
};

// The models' reports, printed and added up in their order.
class Reports {
 public:
  void add(size_t model, Report report) {
    const std::lock_guard lock(mutex_);
    waiting_.emplace(model, std::move(report));
    for (; waiting_.contains(next_); ++next_) {
      const Report& first = waiting_.at(next_);
      for (const std::string& line : first.lines) fmt::print("{}\n", line);
      std::fflush(stdout);
      sum_.add(first);
      waiting_.erase(next_);
    }
  }
  const Report& sum() const { return sum_; }

 private:
  std::mutex mutex_;
  std::map<size_t, Report> waiting_;
  size_t next_ = 0;
  Report sum_;
};

// Each model plants other faults: together they plant all.
int run(const Options& options) {
  const std::vector<StudyModel> models =
      options.models > 0 ? random_models(options.models, options.seed, options.cases)
                         : catalogue_models(options.cases);
  Reports reports;
  base::Threads(options.threads).for_each(models.size(), [&](size_t i) {
    ExperimentOptions experiment = options.experiment;
    if (experiment.every > 0) experiment.offset = (experiment.offset + i) % experiment.every;
    reports.add(i, run_experiment(models[i], experiment));
  });
  const Report& all = reports.sum();
  print(all, options.experiment.holdout);
  fmt::print(stderr, "the slowest judgement took {:.1f} s\n", all.slowest);
  return meets_targets(all) ? 0 : 1;
}

}  // namespace
}  // namespace plumb::studies

int main(int argc, char** argv) {
  CLI::App app("plants faults and counts what the judge makes of them");
  plumb::studies::Options options;
  auto& experiment = options.experiment;
  app.add_option("--cases", options.cases, "glob over names of models");
  app.add_option("--models", options.models, "so many varied at random; 0: the catalogue as it is");
  app.add_option("--seed", options.seed, "of what is varied");
  app.add_option("--fault", experiment.fault, "glob over causes");
  app.add_option(
      "--taps", experiment.taps,
      "all, coarse, logits, logprobs (of all tokens), logprobs:K (of the K best), logprobs:K:STEP");
  app.add_option("--dtype", experiment.dtypes, "float32, bfloat16");
  app.add_option("--every", experiment.every, "plant every n-th fault; 0: none");
  app.add_option("--offset", experiment.offset, "the first of them, in the first model");
  app.add_option("--clean", experiment.clean, "clean runs of each kind");
  app.add_flag("--holdout", experiment.holdout, "diagnose without the fault in the library, too");
  app.add_option("--threads", options.threads, "models at a time; 0: one a core");
  app.add_flag("--verbose", experiment.verbose, "say what was not named");
  CLI11_PARSE(app, argc, argv);
  return plumb::studies::run(options);
}
