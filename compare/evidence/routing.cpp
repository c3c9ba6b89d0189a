#include "compare/evidence/routing.h"

#include <algorithm>
#include <numbers>

#include "compare/measure/gates.h"
#include "reference/ops/route.h"

namespace plumb::evidence {

using measure::kTieDeviations;
using trace::Tap;
using trace::TapId;

namespace {

// That noise makes between two logits; with groups, between the sums of two logits each.
double largest_difference(const model::RouterSpec& router, double sigma) {
  const double deviations = kTieDeviations * std::numbers::sqrt2 * sigma;
  return router.num_groups > 1 ? std::numbers::sqrt2 * deviations : deviations;
}

double total(std::span<const double> logits, const std::vector<double>& ids) {
  double sum = 0.0;
  for (const double id : ids) sum += logits[static_cast<size_t>(id)];
  return sum;
}

}  // namespace

Choices recorded_choices(const Recorded& recorded) {
  Choices choices;
  for (const auto& [tap, ids] : recorded.values()) {
    if (is_choice(tap)) choices[tap.layer] = ids;
  }
  return choices;
}

Routing::Routing(const reference::Reference& reference) {
  for (const graph::Op& op : reference.graph().ops) {
    const auto* route = std::get_if<graph::Route>(&op.kind);
    if (route == nullptr) continue;
    Router& router = routers_[op.layer];
    router.spec = route->router;
    if (!op.weights.empty()) {
      router.correction = reference.weights().at(op.weights.front()).values();
    }
  }
}

std::vector<Tap> router_taps(const graph::Graph& graph) {
  std::vector<Tap> taps;
  for (const graph::Op& op : graph.ops) {
    if (!std::holds_alternative<graph::Route>(op.kind)) continue;
    taps.push_back({TapId::kRouterLogits, op.layer});
    taps.push_back({TapId::kRouterIds, op.layer});
  }
  return taps;
}

Choices Routing::choices(const Values& values) const {
  Choices choices;
  for (const auto& [layer, router] : routers_) {
    choices[layer] = values.at({TapId::kRouterIds, layer});
  }
  return choices;
}

std::vector<double> Routing::best(const Router& router, std::span<const double> logits) const {
  const auto chosen = reference::choose_experts(router.spec, logits, router.correction);
  std::vector<double> ids(chosen.begin(), chosen.end());
  std::sort(ids.begin(), ids.end());
  return ids;
}

// Would the choice be the best if its experts scored half of the largest difference that noise
// makes more, and the others half of it less? An expert that is not chosen may open the group of
// one that is: those may as well score the same, or more.
bool Routing::is_tie(const Router& router, std::span<const double> logits, double sigma,
                     std::span<const double> chosen) const {
  const double half = largest_difference(router.spec, sigma) / 2.0;
  const size_t size = logits.size() / static_cast<size_t>(std::max(1, router.spec.num_groups));
  const auto is_open = [&](size_t e) {
    return std::ranges::any_of(
        chosen, [&](double other) { return static_cast<size_t>(other) / size == e / size; });
  };
  for (const double beside : {-half, 0.0, half}) {
    std::vector<double> moved(logits.begin(), logits.end());
    for (size_t e = 0; e < moved.size(); ++e) {
      const bool taken = std::ranges::binary_search(chosen, static_cast<double>(e));
      moved[e] += taken ? half : is_open(e) ? beside : -half;
    }
    if (std::ranges::equal(best(router, moved), chosen)) return true;
  }
  return false;
}

Routing::Verdict Routing::judge(int layer, std::span<const double> logits, double sigma,
                                std::span<const double> chosen) const {
  const Router& router = routers_.at(layer);
  if (std::ranges::equal(best(router, logits), chosen)) return Verdict::kExact;
  return is_tie(router, logits, sigma, chosen) ? Verdict::kTie : Verdict::kWrong;
}

std::vector<Routing::Choice> Routing::ties(int layer, std::span<const double> logits,
                                           double sigma) const {
  const Router& router = routers_.at(layer);
  const std::vector<double> first = best(router, logits);
  std::vector<Choice> choices = {{first}};
  for (const double out : first) {
    for (size_t in = 0; in < logits.size(); ++in) {
      if (std::ranges::binary_search(first, static_cast<double>(in))) continue;
      // As if noise had exchanged the two: a group of experts may close and another open with them.
      std::vector<double> moved(logits.begin(), logits.end());
      moved[in] += largest_difference(router.spec, sigma);
      moved[static_cast<size_t>(out)] -= largest_difference(router.spec, sigma);
      std::vector<double> other = best(router, moved);
      const auto is_other = [&](const Choice& choice) { return choice.ids == other; };
      if (std::ranges::any_of(choices, is_other)) continue;
      if (!is_tie(router, logits, sigma, other)) continue;
      const double margin = total(logits, first) - total(logits, other);
      choices.push_back({std::move(other), std::max(margin, 0.0)});
    }
  }
  std::ranges::stable_sort(choices.begin() + 1, choices.end(), {}, &Choice::margin);
  return choices;
}

}  // namespace plumb::evidence
