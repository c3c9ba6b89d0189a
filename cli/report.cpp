#include "reports/report.h"

#include "cli/common.h"
#include "cli/verbs.h"
#include "reports/table.h"

namespace plumb::cli {
namespace {

struct Options {
  std::vector<std::string> results;
  std::string folder;
  std::string baseline;
};

int run(const Options& options) {
  const std::vector<result::Result> results = reports::read_all(options.results);
  std::optional<reports::Baseline> baseline;
  if (!options.baseline.empty()) baseline = reports::read_baseline(options.baseline);
  reports::write_reports(results, baseline, options.folder);
  write_text("-", reports::table_text(results));
  return 0;
}

}  // namespace

void add_report(CLI::App& app, Action& action) {
  CLI::App* verb =
      app.add_subcommand("report", "render results as JSON, JUnit, Markdown and a web page");
  verb->footer("Example: plumb report gate.json -o report --baseline last-week/results.json");
  auto options = std::make_shared<Options>();
  verb->add_option("RESULT", options->results, "result files, of check or of gate")->required();
  verb->add_option("-o,--output", options->folder, "folder to write")->required();
  verb->add_option("--baseline", options->baseline, "an earlier result file: tells what moved");
  verb->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace plumb::cli
