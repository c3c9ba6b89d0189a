#include <fmt/format.h>

#include "base/errors.h"
#include "cli/common.h"
#include "cli/verbs.h"
#include "compare/judge.h"

namespace plumb::cli {
namespace {

struct Options {
  CommonOptions common;
  std::string candidate;
  std::string oracle;
  std::string json;
  int greedy = 16;
};

constexpr std::string_view kTracePrefix = "trace:";

std::unique_ptr<trace::FileSource> open_trace(const std::string& name, const LoadedModel& model) {
  const std::string rest = name.substr(kTracePrefix.size());
  const size_t hash = rest.rfind('#');
  std::optional<base::DType> dtype;
  if (hash != std::string::npos) {
    dtype = base::dtype_from_torch_name(rest.substr(hash + 1));
    if (!dtype) throw base::InputError(name, rest.substr(hash + 1), "is no dtype");
  }
  auto file = std::make_shared<trace::TraceFile>(rest.substr(0, hash));
  (void)model;
  return std::make_unique<trace::FileSource>(file, dtype);
}

int run(const Options& options) {
  const LoadedModel model(options.common);
  const base::Threads threads(options.common.threads);
  model.weights.check_finite(threads);
  const reference::Reference reference(model.graph, model.weights, threads);
  const auto candidate = open_trace(options.candidate, model);
  std::optional<trace::TraceFile> oracle;
  if (!options.oracle.empty()) oracle.emplace(options.oracle);
  compare::Subject subject{.case_name = options.common.checkpoint,
                           .family = model.config.spec.model_type,
                           .reference = &reference,
                           .candidate = candidate.get(),
                           .candidate_name = options.candidate,
                           .prompts = candidate->prompts(),
                           .oracle = oracle ? &*oracle : nullptr,
                           .contract = &graph::default_contract(candidate->producer().dtype)};
  const compare::Result result = compare::judge(subject);
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
  verb->add_option("--candidate", options->candidate, "trace:FILE[#dtype]")->required();
  verb->add_option("--oracle", options->oracle, "trace of a trusted producer");
  verb->add_option("--json", options->json, "write the result as JSON; - is standard output");
  verb->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace plumb::cli
