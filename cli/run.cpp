#include "base/errors.h"
#include "cli/common.h"
#include "cli/verbs.h"
#include "reference/run.h"
#include "trace/trace_file.h"
#include "trace/trace_writer.h"

namespace plumb::cli {
namespace {

struct Options {
  CommonOptions common;
  std::string engine;
  std::string output;
  std::string tokens;
  std::string prompts;
  std::string taps = "all";
  int greedy = 0;
};

std::vector<trace::Prompt> read_prompts(const Options& options, int vocab_size) {
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
    check_tokens(where, prompt.name, prompt.tokens, vocab_size);
  }
  return prompts;
}

int run(const Options& options) {
  const LoadedModel model(options.common);
  const base::Threads threads(options.common.threads);
  const std::vector<trace::Prompt> prompts = read_prompts(options, model.graph.vocab_size);
  model.weights.check_finite(threads);
  const trace::TapFilter filter = parse_taps(options.taps, model.graph);
  const reference::Reference reference(model.graph, model.weights, threads);
  trace::TraceWriter writer(options.output,
                            {{"producer", "plumbline " + options.engine},
                             {"model_type", model.config.spec.model_type},
                             {"checkpoint_sha256", model.checkpoint.sha256()}});
  for (const trace::Prompt& prompt : prompts) {
    writer.add_prompt(prompt);
    reference.record(prompt.tokens, filter, *writer.run(base::DType::kF64, prompt.name));
    if (options.greedy > 0) {
      writer.add_greedy(base::DType::kF64, prompt.name,
                        reference.greedy(prompt.tokens, options.greedy));
    }
  }
  writer.commit();
  return 0;
}

}  // namespace

void add_run(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("run", "run an engine on prompts and record a trace");
  verb->footer("Example: plumb run /tmp/qwen3 --engine reference --tokens 3,14,15 -o t.h5");
  auto options = std::make_shared<Options>();
  options->common.add_checkpoint(*verb);
  options->common.add_threads(*verb);
  verb->add_option("--engine", options->engine, "reference")
      ->check(CLI::IsMember({"reference"}))
      ->required();
  verb->add_option("-o,--output", options->output, "trace to write (HDF5)")->required();
  verb->add_option("--tokens", options->tokens, "token ids of one prompt: 1,2,3");
  verb->add_option("--prompts", options->prompts, "a trace whose prompts are run");
  verb->add_option("--taps", options->taps, "all, coarse, logits, or globs over tap names")
      ->capture_default_str();
  verb->add_option("--greedy", options->greedy, "continue each prompt by this many greedy tokens")
      ->check(CLI::Range(0, 1 << 16));
  verb->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace plumb::cli
