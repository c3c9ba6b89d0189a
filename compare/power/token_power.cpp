#include "compare/power/token_power.h"

#include <algorithm>

#include "compare/measure/gates.h"
#include "compare/measure/tokens.h"

namespace plumb::power {
namespace {

using evidence::kLogits;
using library::Mutant;
using reference::Matrix;

// What decides each token of a scene, and the noise of each position.
struct Known {
  const TokenScene* scene;
  std::vector<int64_t> all;  // prompt and continuation, but for the last token
  Matrix decided;            // [N, V]
  std::vector<double> noise;
};

Known know(Truth& truth, const TokenScene& scene) {
  Known known{.scene = &scene, .all = *scene.tokens, .decided = {}, .noise = {}};
  known.all.insert(known.all.end(), scene.continuation.begin(), scene.continuation.end() - 1);
  known.decided = truth.continuation(*scene.tokens, scene.continuation);
  known.noise = evidence::measure_floor(truth.reference(), *scene.tokens, scene.continuation,
                                        known.decided, scene.noise)
                    .rows;
  return known;
}

Sight look(const Truth& truth, const std::vector<Known>& scenes, const Fault& fault) {
  constexpr double kTwice = 2.0;
  const library::Mutation mutation = fault.mutate(truth.graph());
  const Mutant mutant(truth.reference(), mutation);
  Sight sight = Sight::kNothing;
  for (const Known& known : scenes) {
    const auto& chosen = known.scene->continuation;
    const Matrix made = evidence::replay(mutant.reference(), known.all, {kLogits},
                                         {.deviations = &mutant.deviations()})
                            .at(kLogits);
    const size_t first = known.scene->tokens->size() - 1;
    for (size_t i = 0; i < chosen.size(); ++i) {
      const auto row = reference::row(made, first + i);
      if (!std::ranges::equal(row, reference::row(known.decided, i))) {
        sight = std::max(sight, Sight::kHidden);
      }
      const measure::TokenJudgement judged =
          measure::judge_token(row, kTwice * known.noise[i], chosen[i]);
      if (judged.verdict == measure::TokenVerdict::kFlip) return Sight::kSeen;
    }
  }
  return sight;
}

}  // namespace

Coverage measure_token_coverage(Truth& truth, const std::vector<TokenScene>& scenes) {
  std::vector<Known> known;
  for (const TokenScene& scene : scenes) known.push_back(know(truth, scene));
  return cover(truth.graph(), true, [&](const Fault& fault) { return look(truth, known, fault); });
}

}  // namespace plumb::power
