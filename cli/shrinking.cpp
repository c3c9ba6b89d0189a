#include "cli/shrinking.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/errors.h"
#include "base/files.h"
#include "candidates/candidate.h"
#include "candidates/outside/open.h"
#include "candidates/outside/plugin.h"
#include "candidates/outside/program.h"
#include "cli/asking.h"
#include "fixtures/presets.h"
#include "fixtures/shrink.h"
#include "fixtures/synth.h"

namespace plumb::cli {
namespace {

constexpr uint64_t kSeed = 1;

// Runs again on another checkpoint: an engine in the tree or a program, and no recording or server.
bool can_run_again(const std::string& candidate) {
  const auto engines = candidates::engine_names();
  return std::find(engines.begin(), engines.end(), candidate) != engines.end() ||
         candidate.starts_with(candidates::kExecPrefix) ||
         candidate.starts_with(candidates::kPythonPrefix) ||
         candidate.starts_with(candidates::kPluginPrefix);
}

// Null where an engine outside cannot run so small a model.
std::unique_ptr<trace::Source> run_on(const LoadedModel& model, const trace::Prompt& prompt,
                                      const JudgeOptions& options, const base::Threads& threads) {
  const auto outside = candidates::make_outside(options.candidate, options.outside);
  if (!outside) {
    return candidates::make_engine(options.candidate, model.graph, model.weights, threads);
  }
  const candidates::Request request{.checkpoint = model.checkpoint.folder(),
                                    .threads = threads.count(),
                                    .dtype = options.judging("").dtype,
                                    .taps = tap_wishes(options.taps),
                                    .prompts = {prompt}};
  try {
    return ask(*outside, request, options.state_matrix).source;
  } catch (const candidates::CannotDo&) {
    return nullptr;
  } catch (const base::InputError&) {
    return nullptr;
  }
}

bool fails(const fixtures::SmallCase& one, const JudgeOptions& options,
           const base::Threads& threads) {
  const base::TemporaryFolder folder;
  fixtures::synthesize({.config = one.config, .allowed_keys = one.allowed_keys, .seed = kSeed},
                       folder.path() / "checkpoint", threads);
  const LoadedModel model(folder.path() / "checkpoint", one.allowed_keys);
  const reference::Reference reference(model.graph, model.weights, threads);
  const trace::Prompt prompt{.name = "p0", .tokens = one.tokens};
  const auto candidate = run_on(model, prompt, options, threads);
  if (candidate == nullptr) return false;
  const graph::Contract& contract =
      options.contract.empty() ? declared_contract(*candidate) : named_contract(options.contract);
  verdict::Judge judge(reference, nullptr);
  return judge
             .judge({.case_name = "shrunk",
                     .family = model.config.spec.model_type,
                     .candidate = candidate.get(),
                     .candidate_name = options.candidate,
                     .prompts = {prompt},
                     .contract = &contract,
                     .state_matrix = options.state_matrix})
             .verdict == result::Verdict::kFailed;
}

base::Json config_of(const CommonOptions& common, const LoadedModel& model) {
  const std::string& family = model.config.spec.model_type;
  const std::filesystem::path folder = common.checkpoint;
  const bool meta = std::filesystem::exists(folder / model::kParamsJson);
  return fixtures::complete_config(
      base::read_json_file((folder / (meta ? model::kParamsJson : model::kConfigJson)).string()),
      family);
}

}  // namespace

std::string shrink_failure(const CommonOptions& common, const JudgeOptions& judge,
                           const std::string& file) {
  if (!can_run_again(judge.candidate)) {
    throw base::InputError("--shrink", judge.candidate, "cannot be run again on a smaller model",
                           fmt::format("name one of {}, exec:, py: or plugin:",
                                       fmt::join(candidates::engine_names(), ", ")));
  }
  const LoadedModel model(common);
  const base::Threads threads(common.threads);
  fixtures::SmallCase start{config_of(common, model), prompts_of(model, judge.oracle)[0].tokens,
                            common.allowed()};
  const auto still_fails = [&](const fixtures::SmallCase& one) {
    return fails(one, judge, threads);
  };
  if (!still_fails(start)) {
    return "shrink: with synthetic weights it does not fail; the cause lies in this checkpoint's\n";
  }
  const fixtures::SmallCase small = fixtures::shrink(std::move(start), still_fails);
  write_text(file, small.config.dump(1) + "\n");
  const std::string stem = std::filesystem::path(file).replace_extension().string();
  return fmt::format(
      "shrink: {} tokens, {}\n"
      "  plumb synth {} --config {} --seed {} -o {}\n"
      "  plumb run {} --engine reference --taps logits --tokens {} -o {}.h5\n"
      "  plumb check {} --candidate {}{} --oracle {}.h5\n",
      small.tokens.size(), file, model.config.spec.model_type, file, kSeed, stem, stem,
      fmt::join(small.tokens, ","), stem, stem, judge.candidate,
      judge.contract.empty() ? "" : " --contract " + judge.contract, stem);
}

}  // namespace plumb::cli
