// Runs that make no mistake, on models of all shapes: the in-tree engines, emulations of each
// contract, and what others recorded. Prints a line of JSON a judgement; exits with 1 where one
// FAILED. What a pass is worth is not measured: it takes longer than the verdict.
//
//   build/release/clean_study --shape small --models 500 --seed 1
//   build/release/clean_study --shape wide --models 1 --first 7 --write DIR     the model alone
//   build/release/clean_study --checkpoint DIR --candidate trace:hf.h5 --taps logits coarse
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <mutex>

#include "base/files.h"
#include "base/parallel.h"
#include "candidates/candidate.h"
#include "compare/verdict/judge.h"
#include "fixtures/synth.h"
#include "graph/builder.h"
#include "studies/judge/wide.h"
#include "tests/support/emulated_engine.h"

namespace plumb::studies {
namespace {

using tests::EmulatedEngine;
using tests::EmulatedEngineOptions;

struct Options {
  std::string shape = "small";
  std::string checkpoint;
  std::string write;
  std::vector<std::string> candidates = {"cpu-f32", "cpu-bf16", "emulated:float32",
                                         "emulated:bfloat16", "emulated:float16"};
  std::vector<std::string> taps = {"all", "coarse", "logits"};
  size_t first = 0;
  size_t models = 0;
  uint64_t seed = 1;
  int threads = 1;
};

// A checkpoint on disk, with what judges candidates on it.
class Subjects {
 public:
  Subjects(std::string name, const std::filesystem::path& folder)
      : name_(std::move(name)),
        checkpoint_(folder),
        config_(model::read_config(checkpoint_)),
        graph_(graph::build(config_.spec)),
        weights_(checkpoint_, graph_.weights, config_.names),
        reference_(graph_, weights_, threads_),
        judge_(reference_, nullptr) {}

  const model::ModelConfig& config() const { return config_; }
  const graph::Graph& graph() const { return graph_; }

  // A line of JSON.
  std::pair<std::string, bool> judge(const std::string& candidate, const std::string& taps,
                                     std::vector<trace::Prompt> prompts) {
    const auto start = std::chrono::steady_clock::now();
    const auto source = make(candidate, taps);
    if (prompts.empty()) prompts = source->prompts();
    const result::Result result =
        judge_.judge({.case_name = name_,
                      .family = config_.spec.model_type,
                      .candidate = source.get(),
                      .candidate_name = candidate,
                      .prompts = std::move(prompts),
                      .contract = &contract_of(candidate, source->producer()),
                      .taps = trace::TapFilter(taps),
                      .verdict_only = true});
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    return {line(result, taps, took.count()), result.verdict == result::Verdict::kFailed};
  }

 private:
  static constexpr std::string_view kEmulated = "emulated:";

  static const graph::Contract& contract_of(const std::string& candidate,
                                            const trace::Producer& producer) {
    if (candidate.starts_with(kEmulated)) {
      return *graph::find_contract(candidate.substr(kEmulated.size()));
    }
    return producer.contract.empty() ? graph::default_contract(producer.dtype)
                                     : *graph::find_contract(producer.contract);
  }

  std::unique_ptr<trace::Source> make(const std::string& candidate, const std::string& taps) {
    if (!candidate.starts_with(kEmulated)) {
      return candidates::make_candidate(candidate, graph_, weights_, threads_);
    }
    EmulatedEngineOptions options{.contract = &contract_of(candidate, {}), .seed = 1000};
    options.taps = taps;
    return std::make_unique<EmulatedEngine>(reference_, options);
  }

  std::string line(const result::Result& result, const std::string& taps, double seconds) const {
    base::Json reasons = base::Json::array();
    for (const auto& reason : result.reasons) {
      reasons.push_back(std::string(to_text(reason.gate)) + " " + reason.tap + " " +
                        reason.message);
    }
    const base::Json json = {
        {"model", name_},     {"candidate", result.candidate.name},
        {"taps", taps},       {"verdict", result::to_json(result).at("verdict")},
        {"reasons", reasons}, {"seconds", seconds}};
    return json.dump();
  }

  std::string name_;
  model::Checkpoint checkpoint_;
  model::ModelConfig config_;
  graph::Graph graph_;
  model::Weights weights_;
  base::Threads threads_{1};
  reference::Reference reference_;
  verdict::Judge judge_;
};

class Study {
 public:
  explicit Study(const Options& options) : options_(options) {}

  int run() {
    if (!options_.checkpoint.empty()) {
      Subjects subjects(options_.checkpoint, options_.checkpoint);
      judge_all(subjects, {});
    } else {
      base::Threads(options_.threads).for_each(options_.models, [&](size_t i) {
        judge_model(options_.first + i);
      });
    }
    fmt::print(stderr, "{} runs, {} FAILED\n", runs_, failed_);
    return failed_ > 0 ? 1 : 0;
  }

 private:
  void judge_model(size_t index) {
    const StudyModel model = wide_model(parse_shape(options_.shape), options_.seed, index);
    const base::TemporaryFolder scratch;
    const std::filesystem::path folder =
        options_.write.empty() ? scratch.path() : std::filesystem::path(options_.write);
    fixtures::synthesize({.config = model.one.config, .seed = model.one.seed}, folder,
                         base::Threads(1));
    Subjects subjects(model.one.name, folder);
    const auto prompts = prompts_for(model, subjects.graph().vocab_size,
                                     subjects.config().spec.max_position_embeddings);
    if (options_.write.empty()) return judge_all(subjects, prompts);
    base::Json lists = base::Json::object();
    for (const trace::Prompt& prompt : prompts) lists[prompt.name] = prompt.tokens;
    base::write_file(folder / "prompts.json", lists.dump());
    fmt::print("{}\n", describe(model));
  }

  void judge_all(Subjects& subjects, const std::vector<trace::Prompt>& prompts) {
    for (const std::string& candidate : options_.candidates) {
      for (const std::string& taps : options_.taps) {
        const auto [line, failed] = subjects.judge(candidate, taps, prompts);
        const std::lock_guard lock(mutex_);
        fmt::print("{}\n", line);
        std::fflush(stdout);
        ++runs_;
        failed_ += failed;
      }
    }
  }

  const Options& options_;
  std::mutex mutex_;
  int runs_ = 0;
  int failed_ = 0;
};

}  // namespace
}  // namespace plumb::studies

int main(int argc, char** argv) {
  CLI::App app("judges runs that make no mistake");
  plumb::studies::Options options;
  app.add_option("--shape", options.shape, "small, wide, large, long");
  app.add_option("--models", options.models, "so many models");
  app.add_option("--first", options.first, "the index of the first of them");
  app.add_option("--seed", options.seed, "of what is varied");
  app.add_option("--checkpoint", options.checkpoint, "judge on this one instead");
  app.add_option("--write", options.write, "write the model's checkpoint here, and judge nothing");
  app.add_option("--candidate", options.candidates, "as check has it, or emulated:CONTRACT");
  app.add_option("--taps", options.taps, "all, coarse, logits");
  app.add_option("--threads", options.threads, "models at a time; 0: one a core");
  CLI11_PARSE(app, argc, argv);
  return plumb::studies::Study(options).run();
}
