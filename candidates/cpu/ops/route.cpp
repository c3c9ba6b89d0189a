// Scalar float64: a row has as many scores as there are experts, and a choice between two that are
// close must not hang on a float32 rounding of their probabilities.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/errors.h"
#include "candidates/cpu/ops/kernels.h"

namespace plumb::candidates::cpu {
namespace {

using model::RouterSpec;
using Scores = RouterSpec::Scores;

constexpr size_t kMaxExperts = 4096;

void softmax(std::span<double> x) {
  const double most = *std::max_element(x.begin(), x.end());
  for (double& v : x) v = std::exp(v - most);
  const double sum = std::accumulate(x.begin(), x.end(), 0.0);
  for (double& v : x) v /= sum;
}

// Calls visit(index) for the k best, best first; the lower one among equals, and among NaNs.
template <class Visit>
void for_best(std::span<const double> scores, size_t k, Visit&& visit) {
  bool taken[kMaxExperts] = {};
  for (size_t i = 0; i < k; ++i) {
    size_t best = static_cast<size_t>(std::find(taken, taken + scores.size(), false) - taken);
    for (size_t e = best + 1; e < scores.size(); ++e) {
      if (!taken[e] && scores[e] > scores[best]) best = e;
    }
    taken[best] = true;
    visit(best);
  }
}

// Experts outside the best groups cannot be chosen.
void close_groups(const RouterSpec& router, std::span<double> scores) {
  double worth[kMaxExperts] = {};
  bool open[kMaxExperts] = {};
  const auto groups = static_cast<size_t>(router.num_groups);
  const size_t size = scores.size() / groups;
  for (size_t g = 0; g < groups; ++g) {
    const auto group = scores.subspan(g * size, size);
    for_best(group, static_cast<size_t>(router.group_experts),
             [&](size_t e) { worth[g] += group[e]; });
  }
  for_best({worth, groups}, static_cast<size_t>(router.top_groups),
           [&](size_t g) { open[g] = true; });
  for (size_t e = 0; e < scores.size(); ++e) {
    if (!open[e / size]) scores[e] = -std::numeric_limits<double>::infinity();
  }
}

// What the weights are made of; the choice may see it corrected.
void score(const RouterSpec& router, std::span<double> scores) {
  if (router.scores == Scores::kSoftmax) softmax(scores);
  if (router.scores == Scores::kSigmoid) {
    for (double& s : scores) s = 1.0 / (1.0 + std::exp(-s));
  }
}

double norm_of(const RouterSpec& router, std::span<const double> weights) {
  const double p = router.normalize_norm;
  double sum = 0.0;
  for (const double w : weights) sum += p == 1.0 ? w : std::pow(w, p);
  if (p != 1.0) sum = std::pow(sum, 1.0 / p);
  return std::max(sum + router.normalize_eps, router.normalize_min);
}

void route_row(const RouterSpec& router, std::span<const float> correction, const float* logits,
               float* ids, float* weights) {
  double scores_of[kMaxExperts];
  double choice_of[kMaxExperts];
  double chosen_of[kMaxExperts];
  const auto experts = static_cast<size_t>(router.num_experts);
  const auto k = static_cast<size_t>(router.top_k);
  const std::span scores(scores_of, experts);
  const std::span choice(choice_of, experts);
  const std::span chosen(chosen_of, k);
  std::copy_n(logits, experts, scores.begin());
  if (router.choice_on_logits) std::copy(scores.begin(), scores.end(), choice.begin());
  score(router, scores);
  if (!router.choice_on_logits) std::copy(scores.begin(), scores.end(), choice.begin());
  for (size_t e = 0; e < correction.size(); ++e) choice[e] += static_cast<double>(correction[e]);
  if (router.num_groups > 1) close_groups(router, choice);
  size_t count = 0;
  for_best(choice, k, [&](size_t e) {
    ids[count] = static_cast<float>(e);
    chosen[count++] = scores[e];
  });
  double divisor = 1.0;
  if (router.scores == Scores::kSoftmaxOfChosen) {
    softmax(chosen);
  } else if (router.normalize) {
    divisor = norm_of(router, chosen);
  }
  for (size_t i = 0; i < k; ++i) {
    weights[i] = static_cast<float>(chosen[i] / divisor * router.scaling);
  }
}

}  // namespace

Ran compute(const graph::Route& op, const Context& context) {
  base::ensure(static_cast<size_t>(op.router.num_experts) <= kMaxExperts,
               "a router has at most 4096 experts");
  const std::span<const float> correction =
      context.has_weight(0) ? context.weight(0).values() : std::span<const float>();
  context.threads.for_ranges(context.rows(), 16, [&](size_t begin, size_t end) {
    for (size_t t = begin; t < end; ++t) {
      route_row(op.router, correction, context.in[0].row(t), context.out[0].row(t),
                context.out[1].row(t));
    }
  });
  return {"rows in float64", ""};
}

}  // namespace plumb::candidates::cpu
