#include "compare/routing.h"

#include <algorithm>
#include <numbers>

#include "compare/gates.h"
#include "reference/route.h"

namespace plumb::compare {

using trace::Tap;
using trace::TapId;

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

// Two logits differ by noise of sqrt(2) sigma: would the choice be the best if its experts scored
// half of the largest such difference more, and the others half of it less?
bool Routing::is_tie(const Router& router, std::span<const double> logits, double sigma,
                     std::span<const double> chosen) const {
  const double half = kTieDeviations * sigma / std::numbers::sqrt2;
  std::vector<double> moved(logits.begin(), logits.end());
  for (size_t e = 0; e < moved.size(); ++e) {
    const bool taken = std::binary_search(chosen.begin(), chosen.end(), static_cast<double>(e));
    moved[e] += taken ? half : -half;
  }
  return std::ranges::equal(best(router, moved), chosen);
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
      std::vector<double> other = first;
      std::ranges::replace(other, out, static_cast<double>(in));
      std::ranges::sort(other);
      if (!is_tie(router, logits, sigma, other)) continue;
      const double margin = logits[static_cast<size_t>(out)] - logits[in];
      choices.push_back({std::move(other), std::max(margin, 0.0)});
    }
  }
  std::ranges::stable_sort(choices.begin() + 1, choices.end(), {}, &Choice::margin);
  return choices;
}

}  // namespace plumb::compare
