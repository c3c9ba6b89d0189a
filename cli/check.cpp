#include "cli/common.h"
#include "cli/judging.h"
#include "cli/verbs.h"

namespace plumb::cli {
namespace {

struct Options {
  CommonOptions common;
  OutputOptions output;
  std::string candidate;
  std::string oracle;
};

int run(const Options& options) {
  const auto baseline = options.output.read_baseline();
  const LoadedModel model(options.common);
  const base::Threads threads(options.common.threads);
  model.weights.check_finite(threads);
  std::optional<trace::TraceFile> oracle;
  if (!options.oracle.empty()) oracle.emplace(open_trace_of(model, options.oracle));
  const std::filesystem::path folder = options.common.checkpoint;
  const compare::Result result = Judging(model, threads, oracle ? &*oracle : nullptr)(
      {.case_name = (folder / "").parent_path().filename().string(),
       .candidate = options.candidate,
       .greedy_steps = options.output.greedy_steps});
  return options.output.finish({result}, baseline, compare::to_json(result).dump(2));
}

}  // namespace

void add_check(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("check", "judge one candidate");
  verb->footer("Example: plumb check /tmp/qwen3 --candidate trace:engine.h5 --oracle oracle.h5");
  auto options = std::make_shared<Options>();
  options->common.add_checkpoint(*verb);
  options->common.add_threads(*verb);
  verb->add_option("--candidate", options->candidate, "cpu-f32, cpu-bf16 or trace:FILE[#dtype]")
      ->required();
  verb->add_option("--oracle", options->oracle, "trace of a trusted producer");
  options->output.add(*verb);
  verb->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace plumb::cli
