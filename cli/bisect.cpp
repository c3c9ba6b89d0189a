#include "cli/common.h"
#include "cli/judging.h"
#include "cli/repeat.h"
#include "cli/shrinking.h"
#include "cli/verbs.h"
#include "reports/story.h"

namespace plumb::cli {
namespace {

struct Options {
  CommonOptions common;
  JudgeOptions judge;
  std::string json;
  bool git_bisect = false;
  std::string shrunk;  // where the smallest failing config goes; empty: nowhere
};

int run(const Options& options) {
  const result::Result result = judge_checkpoint(options.common, options.judge);
  if (!options.json.empty()) write_text(options.json, result::to_json(result).dump(2) + "\n");
  if (options.json != "-") {
    const std::string again = repeat_line("bisect", options.common, options.judge);
    write_text("-", reports::story_text(result, again));
  }
  if (!options.shrunk.empty()) {
    const bool failed = result.verdict == result::Verdict::kFailed;
    const std::string lines = failed ? shrink_failure(options.common, options.judge, options.shrunk)
                                     : "shrink: nothing fails\n";
    if (options.json != "-") write_text("-", lines);
  }
  return exit_code({result}, options.git_bisect);
}

}  // namespace

void add_bisect(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("bisect", "find where a candidate first departs, and why");
  verb->footer("Example: plumb bisect /tmp/qwen3 --candidate trace:engine.h5 --oracle oracle.h5");
  auto options = std::make_shared<Options>();
  options->judge.finer = true;
  options->common.add_checkpoint(*verb);
  options->common.add_threads(*verb);
  options->judge.add(*verb);
  verb->add_option("--json", options->json, "write the result as JSON; - is standard output");
  verb->add_option("--shrink", options->shrunk,
                   "write the smallest config on which the engine still fails, and print the lines "
                   "that repeat it");
  verb->add_flag("--git-bisect", options->git_bisect, "exit 125 where git bisect should skip");
  verb->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace plumb::cli
