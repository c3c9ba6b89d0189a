#include "compare/diagnose/state_diagnose.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "compare/library/state_faults.h"
#include "compare/measure/gates.h"
#include "graph/segment.h"

namespace plumb::diagnose {
namespace {

using evidence::Choices;
using evidence::Given;
using evidence::Recorded;
using evidence::recorded_choices;
using evidence::replay_in_pieces;
using library::calls_of;
using library::state_faults;
using library::StateFault;
using library::StateScene;
using measure::cause_limits;
using measure::CauseLimits;
using measure::kNextBest;
using trace::Tap;

struct Tried {
  const StateFault* fault;
  Fit fit;
};

// What the segment before `first` holds, or with one tap alone the whole graph.
std::vector<size_t> ops_in_question(const graph::Graph& graph, const Recorded& recorded,
                                    const Tap& first) {
  return segment_before(graph, first, [&](const Tap& tap) { return recorded.has(tap); }).ops;
}

Values run_with(const Truth& truth, const Scene& scene, const StateFault& fault, const Tap& first) {
  // A mistake chooses its own experts, unless the candidate's choice was recorded.
  const Choices choices = recorded_choices(*scene.subject.recorded);
  const Given given{.recorded = scene.subject.alone() ? nullptr : scene.subject.recorded,
                    .choices = &choices,
                    .readout = &scene.subject.recorded->readout()};
  return replay_in_pieces(truth.reference(), scene.subject.prompt->tokens, {first}, given,
                          calls_of(*scene.subject.prompt), fault.make());
}

bool explains(const Fit& fit, base::DType storage, bool alone) {
  const CauseLimits limits = cause_limits(storage, !alone);
  return fit.residual_rms() <= limits.residual &&
         fit.residual_rms() <= limits.share * fit.null_rms() &&
         std::abs(fit.beta() - 1.0) <= limits.beta_error;
}

// Faults whose runs are as good as the best are one family: what they agree on is certain.
std::vector<const Tried*> family_of(const std::vector<Tried>& ranked) {
  std::vector<const Tried*> family;
  const double best = std::max(ranked.front().fit.residual_rms(), 0.5);
  for (const Tried& tried : ranked) {
    if (tried.fit.residual_rms() <= kNextBest * best) family.push_back(&tried);
  }
  return family;
}

bool same_slots(const std::vector<const Tried*>& family) {
  return std::all_of(family.begin(), family.end(), [&](const Tried* tried) {
    return tried->fault->slots == family.front()->fault->slots;
  });
}

// Of the slots in question, those of the nearest mistake.
void put_first(const std::vector<std::string>& nearest, std::vector<std::string>& slots) {
  std::stable_partition(slots.begin(), slots.end(), [&](const std::string& slot) {
    return std::find(nearest.begin(), nearest.end(), slot) != nearest.end();
  });
}

}  // namespace

Explanation diagnose_state(Truth& truth, const Scene& scene,
                           const std::vector<trace::Prompt>& others, FirstDivergence& first) {
  const Tap tap = *trace::parse_tap(first.tap);
  const graph::Graph& graph = truth.graph();
  const StateScene faults_scene{truth.reference(), *scene.subject.prompt, others};
  const std::vector<StateFault> faults =
      state_faults(faults_scene, ops_in_question(graph, *scene.subject.recorded, tap));
  std::vector<Tried> ranked;
  for (const StateFault& fault : faults) {
    const Values made = run_with(truth, scene, fault, tap);
    Tried tried{&fault, {}};
    tried.fit.add(scene.subject.recorded->at(tap), scene.truth(tap), made.at(tap),
                  scene.floor(tap));
    if (std::isfinite(tried.fit.residual_rms())) ranked.push_back(tried);
  }
  Explanation explanation;
  if (ranked.empty()) return explanation;
  std::stable_sort(ranked.begin(), ranked.end(), [](const Tried& a, const Tried& b) {
    return a.fit.residual_rms() < b.fit.residual_rms();
  });
  const Fit& best = ranked.front().fit;
  const auto storage = scene.subject.contract->storage;
  if (!explains(best, storage, scene.subject.alone())) {
    put_first(ranked.front().fault->slots, first.slots);
    explanation.notes.push_back(
        fmt::format("{}: no known mistake of state gives these values; the nearest: {}, which "
                    "leaves {:.3g} floors of {:.3g}",
                    first.run, ranked.front().fault->says, best.residual_rms(), best.null_rms()));
    return explanation;
  }
  const std::vector<const Tried*> family = family_of(ranked);
  if (same_slots(family)) first.slots = family.front()->fault->slots;
  for (const Tried* tried : family) {
    explanation.causes.push_back({.cause = tried->fault->id,
                                  .says = tried->fault->says,
                                  .layer = tried->fault->layer,
                                  .explained = 1.0 - tried->fit.residual / tried->fit.null});
  }
  return explanation;
}

}  // namespace plumb::diagnose
