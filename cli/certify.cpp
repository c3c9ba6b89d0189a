#include <fmt/format.h>

#include "base/errors.h"
#include "cli/common.h"
#include "cli/judging.h"
#include "cli/verbs.h"
#include "compare/power/certificate.h"

namespace plumb::cli {
namespace {

constexpr int kBlind = 1;

struct Options {
  CommonOptions common;
  std::string prompts;
  std::string contract = "float32";
  std::string taps = "logits";
  std::string json;
  bool every = false;
};

std::string table(const power::Certificate& certificate, bool every) {
  int seen[2] = {};
  int all[2] = {};
  std::string rows;
  for (const power::CertificateRow& row : certificate.rows) {
    if (row.applies) {
      ++all[row.structural];
      seen[row.structural] += row.seen;
    }
    if (row.seen && !every) continue;
    const char* sight = row.seen ? "seen" : row.applies ? "HIDDEN" : "too short";
    rows += fmt::format("{:9}  {:10}  {:9.3g}  {} ({})\n", sight,
                        row.structural ? "structural" : "subtle", row.shift, row.says, row.cause);
  }
  std::string text = fmt::format("{:9}  {:10}  {:>9}  {}\n", "", "class", "floors", "mistake");
  text = rows.empty() ? "" : text + rows + "\n";
  text += fmt::format("{} at {}: {} of {} structural mistakes would be seen, {} of {} subtle\n",
                      certificate.contract, certificate.taps, seen[1], all[1], seen[0], all[0]);
  if (seen[1] == all[1]) return text;
  return text +
         "what would show more: weights as `plumb synth` calibrates them, longer prompts, finer "
         "taps, a wider type\n";
}

int run(const Options& options) {
  const LoadedModel model(options.common);
  const base::Threads threads(options.common.threads);
  model.weights.check_finite(threads);
  parse_taps(options.taps, model.graph);
  const graph::Contract& contract = named_contract(options.contract);
  const reference::Reference reference(model.graph, model.weights, threads);
  evidence::Truth truth(reference);
  const power::Certificate certificate =
      power::certify(truth, contract, prompts_of(model, options.prompts), options.taps);
  if (!options.json.empty()) write_text(options.json, to_json(certificate).dump(2) + "\n");
  if (options.json != "-") write_text("-", table(certificate, options.every));
  const bool blind =
      std::any_of(certificate.rows.begin(), certificate.rows.end(),
                  [](const auto& row) { return row.structural && row.applies && !row.seen; });
  return blind ? kBlind : 0;
}

}  // namespace

void add_certify(CLI::App& app, Action& action) {
  CLI::App* verb =
      app.add_subcommand("certify", "which mistakes this checkpoint and its prompts could reveal");
  verb->footer("Example: plumb certify /tmp/qwen3 --contract bfloat16 --taps coarse");
  auto options = std::make_shared<Options>();
  options->common.add_checkpoint(*verb);
  options->common.add_threads(*verb);
  verb->add_option("--prompts", options->prompts, "a trace whose prompts are taken");
  verb->add_option("--contract", options->contract, "precision contract of the engine to be judged")
      ->capture_default_str();
  verb->add_option("--taps", options->taps, "what the engine records: all, coarse, logits, globs")
      ->capture_default_str();
  verb->add_option("--json", options->json, "write the certificate; - is standard output");
  verb->add_flag("--all", options->every, "list what would be seen, too");
  verb->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace plumb::cli
