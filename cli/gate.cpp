#include <fmt/format.h>
#include <fnmatch.h>

#include <array>

#include "base/errors.h"
#include "base/files.h"
#include "cli/common.h"
#include "cli/judging.h"
#include "cli/verbs.h"
#include "fixtures/catalogue.h"

namespace plumb::cli {
namespace {

struct Options {
  CommonOptions common;
  std::vector<std::string> names;
  std::string filter = "*";
  std::string shard = "1/1";
  OutputOptions output;
  int greedy_steps = 64;
  bool state_matrix = false;
  std::string catalogue = fixtures::default_catalogue().string();
};

constexpr std::array<std::string_view, 2> kCandidates = {"cpu-f32", "cpu-bf16"};

struct Shard {
  size_t index;  // from 0
  size_t count;
};

Shard parse_shard(const std::string& text) {
  unsigned index = 0;
  unsigned count = 0;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%u/%u%c", &index, &count, &rest) != 2 || index < 1 ||
      index > count) {
    throw base::InputError("--shard", text, "is no i/n with 1 <= i <= n");
  }
  return {index - 1, count};
}

// The unit of work is a case and a candidate; a case is synthesised once for those of its
// candidates that are asked for.
struct Work {
  const fixtures::Case* item;
  std::vector<std::string_view> candidates;
};

std::vector<const fixtures::Case*> choose_cases(const Options& options,
                                                const std::vector<fixtures::Case>& all) {
  std::vector<const fixtures::Case*> chosen;
  for (const std::string& name : options.names) {
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const fixtures::Case& item) { return item.name == name; });
    if (found == all.end()) {
      throw base::InputError(options.catalogue, name, "is no case of the catalogue");
    }
  }
  for (const fixtures::Case& item : all) {
    const bool named =
        options.names.empty() ||
        std::find(options.names.begin(), options.names.end(), item.name) != options.names.end();
    if (named && ::fnmatch(options.filter.c_str(), item.name.c_str(), 0) == 0) {
      chosen.push_back(&item);
    }
  }
  if (chosen.empty()) {
    throw base::InputError("--filter", options.filter, "matches no case of the catalogue");
  }
  return chosen;
}

std::vector<Work> share_out(const std::vector<const fixtures::Case*>& cases, const Shard& shard) {
  std::vector<Work> work;
  size_t unit = 0;
  for (const fixtures::Case* item : cases) {
    Work mine{.item = item};
    for (const std::string_view candidate : kCandidates) {
      if (unit++ % shard.count == shard.index) mine.candidates.push_back(candidate);
    }
    if (!mine.candidates.empty()) work.push_back(std::move(mine));
  }
  return work;
}

std::vector<result::Result> judge_case(const Work& work, const Options& options) {
  const base::TemporaryFolder folder;
  const base::Threads one(1);  // cases run side by side instead
  fixtures::synthesize_case(*work.item, folder.path() / "checkpoint", one);
  const LoadedModel model(folder.path() / "checkpoint");
  const trace::TraceFile oracle = open_trace_of(model, work.item->oracle.string());
  Judging judge(model, one, &oracle);
  std::vector<result::Result> results;
  for (const std::string_view candidate : work.candidates) {
    results.push_back(judge({.case_name = work.item->name,
                             .candidate = std::string(candidate),
                             .greedy_steps = options.greedy_steps,
                             .state_matrix = options.state_matrix}));
  }
  return results;
}

int run(const Options& options) {
  const auto baseline = options.output.read_baseline();
  const std::vector<fixtures::Case> all = fixtures::read_catalogue(options.catalogue);
  const std::vector<Work> work = share_out(choose_cases(options, all), parse_shard(options.shard));
  const base::Threads threads(options.common.threads);
  std::vector<std::vector<result::Result>> by_case(work.size());
  threads.for_each(work.size(), [&](size_t i) { by_case[i] = judge_case(work[i], options); });
  std::vector<result::Result> results;
  for (auto& some : by_case) {
    results.insert(results.end(), std::make_move_iterator(some.begin()),
                   std::make_move_iterator(some.end()));
  }
  return options.output.finish(results, baseline, result::to_json(results).dump(2));
}

}  // namespace

void add_gate(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("gate", "judge the in-tree candidates on the case catalogue");
  verb->footer("Example: plumb gate --filter 'gemma*' --report report");
  auto options = std::make_shared<Options>();
  verb->add_option("CASE", options->names, "cases to run; all without any");
  verb->add_option("--filter", options->filter, "glob over case names")->capture_default_str();
  verb->add_option("--shard", options->shard, "i/n: every n-th case and candidate, from the i-th")
      ->capture_default_str();
  verb->add_option("--catalogue", options->catalogue,
                   "folder with fixtures/cases and oracles/traces")
      ->capture_default_str();
  verb->add_option("--greedy", options->greedy_steps, "greedy tokens of each prompt")
      ->check(CLI::Range(0, 1 << 16))
      ->capture_default_str();
  add_state_option(*verb, options->state_matrix);
  options->output.add(*verb);
  options->common.add_threads(*verb);
  verb->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace plumb::cli
