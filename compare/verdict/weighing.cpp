#include "compare/verdict/weighing.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "compare/power/power.h"
#include "compare/power/token_power.h"
#include "graph/lengths.h"

namespace plumb::verdict {
namespace {

using power::can_afford_power;
using power::Coverage;
using power::measure_coverage;
using power::measure_token_coverage;
using power::TokenScene;
using result::Gate;
using result::Verdict;

void add_power(const Coverage& coverage, Findings& findings, Result& result) {
  result.power = coverage.power;
  if (coverage.unseen.empty() || findings.verdict() != Verdict::kPassed) return;
  findings.doubt(
      {Gate::kPower, "",
       fmt::format("these prompts and weights cannot show: {}", fmt::join(coverage.unseen, "; "))});
}

// The prompts run at once; none where one of them has more than tokens.
std::vector<TokenScene> token_scenes(const Truth& truth, const std::deque<Judged>& judged) {
  std::vector<TokenScene> scenes;
  for (const Judged& here : judged) {
    if (!here.prompt.run.empty()) continue;
    if (!has_tokens_alone(truth, here)) return {};
    scenes.push_back({&here.prompt.tokens, here.subject.greedy->tokens, here.evidence->noise()});
  }
  return scenes;
}

void weigh_tokens(Truth& truth, const std::vector<TokenScene>& scenes, Findings& findings,
                  Result& result) {
  size_t count = 0;
  for (const TokenScene& scene : scenes) count += scene.continuation.size();
  result.notes.push_back(fmt::format(
      "judged by {} greedy tokens alone: an error that leaves each of them the best cannot show",
      count));
  if (findings.verdict() == Verdict::kFailed) return;
  add_power(measure_token_coverage(truth, scenes), findings, result);
}

}  // namespace

bool has_tokens_alone(const Truth& truth, const Judged& judged) {
  return judged.recorded->values().empty() && judged.subject.greedy &&
         !judged.subject.greedy->tokens.empty() && !graph::depends_on_length(truth.graph());
}

void weigh(Truth& truth, const std::deque<Judged>& judged,
           const std::vector<std::string>& impossible, Findings& findings, Result& result) {
  const std::vector<TokenScene> tokens = token_scenes(truth, judged);
  if (!tokens.empty()) return weigh_tokens(truth, tokens, findings, result);
  const std::vector<Scene> scenes = make_scenes(judged);
  if (scenes.empty()) return;
  if (findings.verdict() == Verdict::kFailed && !can_afford_power(truth, scenes)) return;
  add_power(measure_coverage(truth, scenes, impossible), findings, result);
}

}  // namespace plumb::verdict
