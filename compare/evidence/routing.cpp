#include "compare/evidence/routing.h"

#include <algorithm>
#include <numbers>
#include <optional>
#include <utility>

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

// The groups that these scores open; none where all experts are one group.
std::vector<size_t> Routing::open_groups(const Router& router,
                                         std::span<const double> logits) const {
  std::vector<size_t> groups;
  if (router.spec.num_groups <= 1) return groups;
  const auto open = reference::open_groups(router.spec, logits, router.correction);
  for (size_t g = 0; g < open.size(); ++g) {
    if (open[g]) groups.push_back(g);
  }
  return groups;
}

// Would the choice be the best if its experts scored half of the largest difference that noise
// makes more, and the others half of it less? An expert that is not chosen may open the group of
// one that is: those may as well score the same, or more. And a group of which none is chosen may
// close another of that kind: then its experts score more.
bool Routing::is_tie(const Router& router, std::span<const double> logits, double sigma,
                     std::span<const double> chosen) const {
  const double half = largest_difference(router.spec, sigma) / 2.0;
  const size_t size = logits.size() / static_cast<size_t>(std::max(1, router.spec.num_groups));
  const auto has_chosen = [&](size_t group) {
    return std::ranges::any_of(
        chosen, [&](double other) { return static_cast<size_t>(other) / size == group; });
  };
  // `closed`: a group that the noise is to close, if any; `elsewhere`: on what is in no group of a
  // chosen expert.
  const auto is_best = [&](std::optional<size_t> closed, double elsewhere, double beside) {
    std::vector<double> moved(logits.begin(), logits.end());
    for (size_t e = 0; e < moved.size(); ++e) {
      const size_t group = e / size;
      if (std::ranges::binary_search(chosen, static_cast<double>(e))) {
        moved[e] += half;
      } else if (has_chosen(group)) {
        moved[e] += beside;
      } else {
        moved[e] += closed == group ? -half : elsewhere;
      }
    }
    return std::ranges::equal(best(router, moved), chosen);
  };
  for (const double beside : {-half, 0.0, half}) {
    if (is_best(std::nullopt, -half, beside)) return true;
    for (const size_t group : open_groups(router, logits)) {
      if (has_chosen(group)) continue;
      if (is_best(group, 0.0, beside) || is_best(group, half, beside)) return true;
    }
  }
  return false;
}

Routing::Verdict Routing::judge(int layer, std::span<const double> logits, double sigma,
                                std::span<const double> chosen) const {
  const Router& router = routers_.at(layer);
  if (std::ranges::equal(best(router, logits), chosen)) return Verdict::kExact;
  return is_tie(router, logits, sigma, chosen) ? Verdict::kTie : Verdict::kWrong;
}

// The logits as noise may move them to another choice: two experts exchanged, or two groups.
std::vector<std::vector<double>> Routing::moves(const Router& router,
                                                std::span<const double> logits, double sigma,
                                                std::span<const double> first) const {
  const double most = largest_difference(router.spec, sigma);
  std::vector<std::vector<double>> moves;
  const auto move = [&](size_t out, size_t in, size_t size) {
    std::vector<double>& moved = moves.emplace_back(logits.begin(), logits.end());
    for (size_t i = 0; i < size; ++i) {
      moved[out * size + i] -= most / (size > 1 ? 2.0 : 1.0);
      moved[in * size + i] += most / (size > 1 ? 2.0 : 1.0);
    }
  };
  for (const double out : first) {
    for (size_t in = 0; in < logits.size(); ++in) {
      if (std::ranges::binary_search(first, static_cast<double>(in))) continue;
      move(static_cast<size_t>(out), in, 1);
    }
  }
  const std::vector<size_t> open = open_groups(router, logits);
  const auto groups = static_cast<size_t>(router.spec.num_groups);
  for (const size_t out : open) {
    for (size_t in = 0; in < groups; ++in) {
      if (!std::ranges::binary_search(open, in)) move(out, in, logits.size() / groups);
    }
  }
  return moves;
}

std::vector<Routing::Choice> Routing::ties(int layer, std::span<const double> logits,
                                           double sigma) const {
  const Router& router = routers_.at(layer);
  const std::vector<double> first = best(router, logits);
  std::vector<Choice> choices = {{first}};
  for (const std::vector<double>& moved : moves(router, logits, sigma, first)) {
    std::vector<double> other = best(router, moved);
    const auto is_other = [&](const Choice& choice) { return choice.ids == other; };
    if (std::ranges::any_of(choices, is_other)) continue;
    if (!is_tie(router, logits, sigma, other)) continue;
    const double margin = total(logits, first) - total(logits, other);
    choices.push_back({std::move(other), std::max(margin, 0.0)});
  }
  std::ranges::stable_sort(choices.begin() + 1, choices.end(), {}, &Choice::margin);
  return choices;
}

}  // namespace plumb::evidence
