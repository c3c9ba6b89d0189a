#include <algorithm>

#include "compare/library/edits.h"

namespace plumb::library {
namespace {

using graph::Experts;
using graph::Route;
using model::RouterSpec;
using model::WeightView;

RouterSpec& router(Mutation& m, size_t op) {
  return changed<Route>(m, op).router;
}

bool toggle_normalize(Mutation& m, size_t op, double) {
  const Route* route = right<Route>(m, op);
  // One softmaxed weight over itself is 1; softmax of the chosen is normalised by construction.
  if (!route || route->router.scores == RouterSpec::Scores::kSoftmaxOfChosen) return false;
  router(m, op).normalize = !route->router.normalize;
  return true;
}

// A single weight divided by itself is 1 whatever its score.
bool weighs_nothing(const RouterSpec& router) {
  return router.top_k == 1 && router.normalize && !router.correction_bias;
}

bool score_otherwise(Mutation& m, size_t op, double) {
  const Route* route = right<Route>(m, op);
  if (!route || weighs_nothing(route->router)) return false;
  const bool sigmoid = route->router.scores == RouterSpec::Scores::kSigmoid;
  router(m, op).scores = sigmoid ? RouterSpec::Scores::kSoftmax : RouterSpec::Scores::kSigmoid;
  return true;
}

// Softmax over all experts where it should be over the chosen: their weights no longer add up to 1.
bool softmax_over_all(Mutation& m, size_t op, double) {
  const Route* route = right<Route>(m, op);
  if (!route || route->router.scores != RouterSpec::Scores::kSoftmaxOfChosen) return false;
  router(m, op).scores = RouterSpec::Scores::kSoftmax;
  router(m, op).normalize = false;
  return true;
}

bool leave_out_scaling(Mutation& m, size_t op, double) {
  const Route* route = right<Route>(m, op);
  if (!route || route->router.scaling == 1.0) return false;
  router(m, op).scaling = 1.0;
  return true;
}

bool leave_out_correction(Mutation& m, size_t op, double) {
  if (!right<Route>(m, op) || m.original(op).weights.empty()) return false;
  m.op(op).weights.clear();
  return true;
}

bool weigh_with_correction(Mutation& m, size_t op, double) {
  if (!right<Route>(m, op) || m.original(op).weights.empty()) return false;
  m.deviation(op).biased_weights = true;
  return true;
}

bool ignore_groups(Mutation& m, size_t op, double) {
  const Route* route = right<Route>(m, op);
  if (!route || route->router.num_groups == 1) return false;
  router(m, op).num_groups = 1;
  return true;
}

// Takes one expert more, or one less.
bool take_other_count(Mutation& m, size_t op, double by) {
  const Route* route = right<Route>(m, op);
  if (!route) return false;
  const int count = route->router.top_k + static_cast<int>(by);
  if (count < 1 || count > route->router.num_experts) return false;
  router(m, op).top_k = count;
  for (const graph::ValueId id : m.original(op).outputs) m.value(id).shape = {count};
  return true;
}

// Expert `first` and the next one, taken for one another.
bool swap_experts(Mutation& m, size_t op, double first) {
  const Experts* experts = right<Experts>(m, op);
  const auto e = static_cast<size_t>(first);
  if (!experts || static_cast<int>(e) + 1 >= experts->experts) return false;
  for (const model::WeightId& id : m.original(op).weights) {
    m.edit(id, [e, count = static_cast<size_t>(experts->experts)](
                   const WeightView& stored, size_t row, size_t rows, std::span<double> out) {
      const size_t each = stored.rows() / count;
      for (size_t i = 0; i < rows; ++i) {
        size_t expert = (row + i) / each;
        if (expert == e || expert == e + 1) expert = 2 * e + 1 - expert;
        stored.widen(expert * each + (row + i) % each, 1,
                     out.subspan(i * stored.columns(), stored.columns()));
      }
    });
  }
  return true;
}

bool leave_out_biases(Mutation& m, size_t op, double) {
  if (!right<Experts>(m, op) || m.original(op).weights.size() < 4) return false;
  m.op(op).weights.resize(3);
  return true;
}

constexpr double kCounts[] = {-1.0, 1.0};
constexpr double kFirst[] = {0, 1, 2, 3, 4, 5, 6};

constexpr FaultRow kRows[] = {
    {.cause = "router_normalize",
     .says = "does (or leaves out) the division of the experts' weights by their sum",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = toggle_normalize,
     .scales_positions = true},
    {.cause = "router_scores",
     .says = "scores experts by the other function (softmax, sigmoid)",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = score_otherwise},
    {.cause = "router_softmax_over_all",
     .says = "takes the softmax over all experts, not over the chosen",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = softmax_over_all},
    {.cause = "router_scaling_missing",
     .says = "leaves the scaling of the experts' weights out",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = leave_out_scaling,
     .scales_positions = true},
    {.cause = "router_correction_missing",
     .says = "chooses experts without their correction",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = leave_out_correction},
    {.cause = "router_correction_in_weights",
     .says = "weighs experts with their correction",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = weigh_with_correction},
    {.cause = "router_groups_ignored",
     .says = "chooses among the experts of all groups",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = ignore_groups},
    {.cause = "router_count",
     .says = "takes {:+g} experts too many",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = take_other_count,
     .values = kCounts},
    {.cause = "experts_swapped",
     .says = "takes expert {:g} and the next for one another",
     .severity = FaultClass::kSubtle,
     .scope = FaultScope::kLayer,
     .apply = swap_experts,
     .values = kFirst},
    {.cause = "expert_bias_missing",
     .says = "leaves the biases of the experts out",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = leave_out_biases},
};

}  // namespace

std::span<const FaultRow> expert_faults() {
  return kRows;
}

}  // namespace plumb::library
