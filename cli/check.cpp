#include "cli/common.h"
#include "cli/judging.h"
#include "cli/verbs.h"

namespace plumb::cli {
namespace {

struct Options {
  CommonOptions common;
  JudgeOptions judge;
  OutputOptions output;
};

int run(const Options& options) {
  const auto baseline = options.output.read_baseline();
  const result::Result result = judge_checkpoint(options.common, options.judge);
  return options.output.finish({result}, baseline, result::to_json(result).dump(2));
}

}  // namespace

void add_check(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("check", "judge one candidate");
  verb->footer("Example: plumb check /tmp/qwen3 --candidate trace:engine.h5 --oracle oracle.h5");
  auto options = std::make_shared<Options>();
  options->common.add_checkpoint(*verb);
  options->common.add_threads(*verb);
  options->judge.add(*verb);
  options->output.add(*verb);
  verb->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace plumb::cli
