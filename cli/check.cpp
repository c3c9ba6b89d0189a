#include <fmt/format.h>

#include "cli/common.h"
#include "cli/judging.h"
#include "cli/verbs.h"

namespace plumb::cli {
namespace {

struct Options {
  CommonOptions common;
  std::string candidate;
  std::string oracle;
  std::string json;
  int greedy_steps = 16;
};

int run(const Options& options) {
  const LoadedModel model(options.common);
  const base::Threads threads(options.common.threads);
  model.weights.check_finite(threads);
  const reference::Reference reference(model.graph, model.weights, threads);
  std::optional<trace::TraceFile> oracle;
  if (!options.oracle.empty()) oracle.emplace(open_trace_of(model, options.oracle));
  const std::filesystem::path folder = options.common.checkpoint;
  const compare::Result result =
      judge_candidate(model, reference, threads,
                      {.case_name = (folder / "").parent_path().filename().string(),
                       .candidate = options.candidate,
                       .oracle = oracle ? &*oracle : nullptr,
                       .greedy_steps = options.greedy_steps});
  if (!options.json.empty()) write_text(options.json, compare::to_json(result).dump(2) + "\n");
  if (options.json != "-") {
    fmt::print("{} drift {:.3g} floor ratio {:.3g} tokens {}/{} ties {} oracle {:.2g}\n",
               to_text(result.verdict), result.drift.max_abs_logit, result.drift.floor_ratio,
               result.tokens.exact, result.tokens.compared, result.tokens.certified_ties,
               result.oracle ? result.oracle->max_rel_tap : 0.0);
    for (const auto& reason : result.reasons) {
      fmt::print("  {} {}: {}\n", reason.gate, reason.tap, reason.message);
    }
  }
  return result.verdict == compare::Verdict::kPassed ? 0 : 1;
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
  verb->add_option("--greedy", options->greedy_steps, "greedy tokens of an in-tree candidate")
      ->check(CLI::Range(0, 1 << 16))
      ->capture_default_str();
  verb->add_option("--json", options->json, "write the result as JSON; - is standard output");
  verb->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace plumb::cli
