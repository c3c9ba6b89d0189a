#include "compare/verdict/judged.h"

#include <utility>

#include "compare/measure/gates.h"

namespace plumb::verdict {

using measure::kBeyondDoubt;
using measure::kByLittle;
using measure::kConfirmingReplicas;
using measure::kManyReplicas;
using measure::kReplicas;
using measure::replicas_for;

void establish(Truth& truth, Judged& judged, int replicas) {
  const int enough = replicas_for(replicas, judged.subject.prompt->tokens.size(),
                                  static_cast<size_t>(truth.graph().hidden_size));
  judged.evidence =
      std::make_unique<Evidence>(truth, judged.subject, enough, replicas >= kConfirmingReplicas);
}

PromptFindings judge_surely(Truth& truth, Judged& judged) {
  establish(truth, judged, kReplicas);
  PromptFindings findings = judge_prompt(truth, judged.subject, *judged.evidence);
  const auto is_certain = [&](double beyond) {
    const auto& first = findings.first_divergence;
    return findings.failures.empty() || (first && first->local_ratio > beyond);
  };
  // In 16 bits all replicas may be one sample, until dithered ones come with those that confirm.
  constexpr double kTimesIn16Bits = 10.0;
  const bool in_16_bits =
      graph::coarsest_roundoff(*judged.subject.contract) > base::unit_roundoff(base::DType::kF32);
  const double beyond_doubt = in_16_bits ? kTimesIn16Bits * kBeyondDoubt : kBeyondDoubt;
  const std::pair<int, double> steps[] = {{kConfirmingReplicas, beyond_doubt},
                                          {kManyReplicas, kByLittle}};
  for (const auto& [replicas, beyond] : steps) {
    if (is_certain(beyond)) break;
    establish(truth, judged, replicas);
    findings = judge_prompt(truth, judged.subject, *judged.evidence);
  }
  return findings;
}

std::deque<Judged> finite_parts(Truth& truth, const std::deque<Judged>& prompts) {
  constexpr size_t kLeast = 2;
  std::deque<Judged> parts;
  if (graph::depends_on_length(truth.graph())) return parts;
  for (const Judged& prompt : prompts) {
    const auto end = prompt.recorded->first_not_finite();
    if (!prompt.prompt.run.empty() || !end || *end < kLeast) continue;
    parts.push_back({.prompt = prompt.prompt,
                     .recorded = std::make_shared<const Recorded>(prompt.recorded->first(*end))});
    Judged& part = parts.back();
    part.prompt.tokens.resize(*end);
    part.subject = {&part.prompt, part.recorded.get(), std::nullopt, prompt.subject.contract};
    establish(truth, part, kConfirmingReplicas);
  }
  return parts;
}

std::vector<Scene> make_scenes(const std::deque<Judged>& prompts) {
  std::vector<Scene> scenes;
  for (const Judged& prompt : prompts) {
    if (!prompt.prompt.run.empty() || !prompt.recorded->finite()) continue;
    if (!scenes.empty() && !scenes.front().subject.recorded->is_like(*prompt.recorded)) continue;
    scenes.push_back({prompt.subject, *prompt.evidence});
  }
  return scenes;
}

}  // namespace plumb::verdict
