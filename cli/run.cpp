#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <numeric>

#include "base/errors.h"
#include "candidates/candidate.h"
#include "cli/common.h"
#include "cli/recorder.h"
#include "cli/verbs.h"
#include "reference/engine.h"
#include "trace/pieces.h"
#include "trace/trace_file.h"
#include "trace/trace_writer.h"

namespace plumb::cli {
namespace {

constexpr const char* kReference = "reference";

struct Options {
  CommonOptions common;
  std::string engine;
  std::string output;
  std::string tokens;
  std::string prompts;
  std::string taps = "all";
  int greedy = 0;
  std::string split;
  bool batch = false;
  bool reset = false;
  bool explain = false;
};

std::vector<trace::Prompt> read_prompts(const Options& options, const graph::Graph& graph) {
  if (options.tokens.empty() == options.prompts.empty()) {
    throw base::InputError("run", "", "needs --tokens or --prompts", "give one of them");
  }
  std::vector<trace::Prompt> prompts;
  if (!options.tokens.empty()) {
    prompts.push_back({"p0", parse_tokens(options.tokens)});
  } else {
    prompts = trace::TraceFile(options.prompts).prompts();
    if (prompts.empty()) throw base::InputError(options.prompts, "prompts", "holds no prompt");
  }
  const std::string where = options.tokens.empty() ? options.prompts : "--tokens";
  for (const trace::Prompt& prompt : prompts) {
    check_tokens(where, prompt.name, prompt.tokens, graph);
  }
  return prompts;
}

// The engine, and what it runs on.
class Running {
 public:
  Running(const std::string& name, const LoadedModel& model, const base::Threads& threads)
      : reference_(model.graph, model.weights, threads),
        engine_(name == kReference
                    ? std::make_unique<reference::ReferenceEngine>(reference_)
                    : candidates::make_engine(name, model.graph, model.weights, threads)) {}

  trace::Engine& engine() const { return *engine_; }

 private:
  reference::Reference reference_;
  std::unique_ptr<trace::Engine> engine_;
};

std::vector<std::string> engine_names() {
  std::vector<std::string> names = {kReference};
  for (const std::string_view name : candidates::engine_names()) names.emplace_back(name);
  return names;
}

// Which prompts --split fits. The others are run whole alone, and standard error says so.
std::optional<Pieces> read_split(const Options& options,
                                 const std::vector<trace::Prompt>& prompts) {
  if (options.split.empty()) return std::nullopt;
  const auto sizes = trace::parse_pieces(options.split);
  if (!sizes) {
    throw base::InputError("--split", options.split, "is no list of sizes",
                           "write sizes of calls as 7+1x30: 7 tokens, then 30 times one");
  }
  Pieces pieces{trace::to_text(*sizes), *sizes, std::accumulate(sizes->begin(), sizes->end(), 0UL)};
  const auto fits = [&](const trace::Prompt& prompt) {
    return prompt.tokens.size() == pieces.total;
  };
  if (std::none_of(prompts.begin(), prompts.end(), fits)) {
    throw base::InputError("--split", options.split,
                           fmt::format("covers {} tokens, and no prompt has so many", pieces.total),
                           "the sizes add up to the prompt's length");
  }
  for (const trace::Prompt& prompt : prompts) {
    if (fits(prompt)) continue;
    fmt::print(stderr, "plumb: --split covers {} tokens, {} has {}: run whole alone\n",
               pieces.total, prompt.name, prompt.tokens.size());
  }
  return pieces;
}

int run(const Options& options) {
  const LoadedModel model(options.common);
  const base::Threads threads(options.common.threads);
  const std::vector<trace::Prompt> prompts = read_prompts(options, model.graph);
  const std::optional<Pieces> split = read_split(options, prompts);
  model.weights.check_finite(threads);
  const trace::TapFilter filter = parse_taps(options.taps, model.graph);
  const Running running(options.engine, model, threads);
  const trace::Producer& producer = running.engine().producer();
  std::map<std::string, std::string> attributes = {
      {"producer", producer.name},
      {"model_type", model.config.spec.model_type},
      {"checkpoint_sha256", model.checkpoint.sha256()}};
  if (!producer.contract.empty()) attributes["contract"] = producer.contract;
  trace::TraceWriter writer(options.output, attributes);
  Recorder recorder(running.engine(), filter, writer);
  for (const trace::Prompt& prompt : prompts) {
    writer.add_prompt(prompt);
    recorder.whole(prompt, options.greedy);
    if (split && prompt.tokens.size() == split->total) recorder.in_pieces(prompt, *split);
  }
  if (options.batch) recorder.batch(prompts);
  if (options.reset) recorder.after_reset(prompts);
  writer.commit();
  if (options.explain) fmt::print("{}", running.engine().explain());
  return 0;
}

}  // namespace

void add_run(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("run", "run an engine on prompts and record a trace");
  verb->footer("Example: plumb run /tmp/qwen3 --engine reference --tokens 3,14,15 -o t.h5");
  auto options = std::make_shared<Options>();
  options->common.add_checkpoint(*verb);
  options->common.add_threads(*verb);
  const std::vector<std::string> engines = engine_names();
  verb->add_option("--engine", options->engine, fmt::format("{}", fmt::join(engines, ", ")))
      ->check(CLI::IsMember(engines))
      ->required();
  verb->add_option("-o,--output", options->output, "trace to write: FILE.safetensors, else HDF5")
      ->required();
  verb->add_option("--tokens", options->tokens, "token ids of one prompt: 1,2,3");
  verb->add_option("--prompts", options->prompts, "a trace whose prompts are run");
  verb->add_option("--taps", options->taps, "all, coarse, logits, or globs over tap names")
      ->capture_default_str();
  verb->add_option("--greedy", options->greedy, "continue each prompt by this many greedy tokens")
      ->check(CLI::Range(0, 1 << 16));
  verb->add_option("--split", options->split,
                   "run prompts of that length in pieces too: 7+1x30 is 7 tokens, then 30 single");
  verb->add_flag("--batch", options->batch, "run all prompts as one ragged batch too");
  verb->add_flag("--reset", options->reset, "run each again after another one and a reset too");
  verb->add_flag("--explain", options->explain, "print which kernels ran, and how often");
  verb->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace plumb::cli
