#include "reference/ops/route.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "reference/activation.h"
#include "reference/elementwise.h"
#include "reference/kernels.h"
#include "reference/softmax.h"

namespace plumb::reference {
namespace {

using graph::Route;
using model::RouterSpec;

template <class A>
std::vector<double> probabilities(const A& a, std::vector<double> x, size_t element) {
  softmax(a, std::span(x), *std::max_element(x.begin(), x.end()), element);
  a.round(Route::kScores, x, element);
  return x;
}

// Best first; among equals the lower index.
std::vector<size_t> top_k(std::span<const double> scores, size_t k) {
  std::vector<bool> taken(scores.size(), false);
  std::vector<size_t> chosen;
  while (chosen.size() < k) {
    size_t best = 0;
    while (taken[best]) ++best;
    for (size_t i = best + 1; i < scores.size(); ++i) {
      if (!taken[i] && scores[i] > scores[best]) best = i;
    }
    taken[best] = true;
    chosen.push_back(best);
  }
  return chosen;
}

// The best groups: experts outside them cannot be chosen.
std::vector<bool> best_groups(const RouterSpec& router, std::span<const double> scores) {
  const auto groups = static_cast<size_t>(router.num_groups);
  const size_t size = scores.size() / groups;
  std::vector<double> worth;
  for (size_t g = 0; g < groups; ++g) {
    const std::span<const double> group(&scores[g * size], size);
    double sum = 0.0;
    for (const size_t i : top_k(group, static_cast<size_t>(router.group_experts))) sum += group[i];
    worth.push_back(sum);
  }
  std::vector<bool> open(groups, false);
  for (const size_t g : top_k(worth, static_cast<size_t>(router.top_groups))) open[g] = true;
  return open;
}

void close_groups(const RouterSpec& router, const Deviation& deviation,
                  std::vector<double>& scores) {
  const std::vector<bool> open = best_groups(router, scores);
  const size_t size = scores.size() / open.size();
  for (size_t e = 0; e < scores.size(); ++e) {
    if (open[e / size]) continue;
    scores[e] = deviation.closed_to_zero ? 0.0 : -std::numeric_limits<double>::infinity();
  }
}

// What the weights are made of.
template <class A>
std::vector<double> score(const A& a, const RouterSpec& router, std::span<const double> logits,
                          size_t element) {
  std::vector<double> scores(logits.begin(), logits.end());
  if (router.scores == RouterSpec::Scores::kSoftmax) return probabilities(a, scores, element);
  if (router.scores == RouterSpec::Scores::kSigmoid) {
    for (size_t e = 0; e < scores.size(); ++e) {
      scores[e] = activate(a, model::Activation::kSigmoid, scores[e], element + e);
    }
    a.round(Route::kScores, scores, element);
  }
  return scores;
}

template <class A>
void correct(const A& a, std::span<double> scores, std::span<const double> correction,
             size_t element) {
  for (size_t e = 0; e < correction.size(); ++e) {
    scores[e] = a.compute(scores[e] + correction[e], element + e);
  }
}

// What the choice is made on, before correction and groups.
std::vector<double> basis(const RouterSpec& router, std::span<const double> logits,
                          const std::vector<double>& scores) {
  return router.choice_on_logits ? std::vector<double>(logits.begin(), logits.end()) : scores;
}

// What the chosen weights are divided by: their sum, or another norm of theirs.
template <class A>
double divisor(const A& a, const RouterSpec& router, std::span<const double> weights,
               size_t element) {
  const double p = router.normalize_norm;
  std::vector<double> powers(weights.begin(), weights.end());
  if (p != 1.0) {
    for (double& w : powers) w = std::pow(w, p);
  }
  double norm = positive_sum(a, powers, element);
  if (p != 1.0) norm = std::pow(norm, 1.0 / p);
  return std::max(norm + router.normalize_eps, router.normalize_min);
}

// Adds the correction and closes groups.
template <class A>
std::vector<size_t> choose(const A& a, const RouterSpec& router, const Deviation& deviation,
                           std::vector<double> scores, std::span<const double> correction,
                           size_t element) {
  correct(a, scores, correction, element);
  if (router.num_groups > 1) close_groups(router, deviation, scores);
  return top_k(scores, static_cast<size_t>(router.top_k));
}

// The mistake of weights that see the correction.
double corrected_score(const RouterSpec& router, double logit, double score, double correction) {
  return router.choice_on_logits ? 1.0 / (1.0 + std::exp(-logit - correction)) : score + correction;
}

// The experts that position t is given; none where it is to choose by itself.
std::vector<size_t> given(const Context& context, size_t t) {
  if (context.choices == nullptr) return {};
  const auto ids = row(*context.choices, t % context.choices->shape(0));
  if (ids.front() == kFreeChoice) return {};
  return {ids.begin(), ids.end()};
}

}  // namespace

std::vector<size_t> choose_experts(const RouterSpec& router, std::span<const double> logits,
                                   std::span<const double> correction) {
  const Exact exact;
  return choose(exact, router, Context::kNone,
                basis(router, logits, score(exact, router, logits, 0)), correction, 0);
}

std::vector<bool> open_groups(const RouterSpec& router, std::span<const double> logits,
                              std::span<const double> correction) {
  const Exact exact;
  std::vector<double> scores = basis(router, logits, score(exact, router, logits, 0));
  correct(exact, scores, correction, 0);
  return best_groups(router, scores);
}

template <class A>
void compute(const A& a, const Route& op, const Context& context, Inputs in, Outputs out) {
  const RouterSpec& router = op.router;
  const double scaling = a.compute(router.scaling, ~size_t{0});  // a number of the engine's type
  std::vector<double> correction;
  if (context.has_weight(0)) correction = context.weight(0).values();
  for_rows(context, out[0], [&](size_t t, size_t element) {
    const auto logits = row(*in[0], t);
    const size_t first = context.noise_row(t) * logits.size();
    const std::vector<double> scores = score(a, router, logits, first);
    std::vector<size_t> chosen = given(context, t);
    if (chosen.empty()) {
      chosen =
          choose(a, router, context.deviation, basis(router, logits, scores), correction, first);
    }
    std::vector<double> weights;
    for (const size_t e : chosen) {
      weights.push_back(context.deviation.biased_weights
                            ? corrected_score(router, logits[e], scores[e], correction.at(e))
                            : scores[e]);
    }
    if (router.scores == RouterSpec::Scores::kSoftmaxOfChosen) {
      weights = probabilities(a, weights, element);
    } else if (router.normalize) {
      const double by = divisor(a, router, weights, element);
      for (double& w : weights) w = a.compute(w / by, element);
    }
    if (context.deviation.equal_weights) {
      const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
      std::ranges::fill(weights, sum / static_cast<double>(weights.size()));
    }
    for (size_t i = 0; i < chosen.size(); ++i) {
      out[0](t, i) = static_cast<double>(chosen[i]);
      out[1](t, i) = weights[i] * scaling;
    }
    a.round(Route::kOutput, row(out[1], t), element);
  });
}

PLUMB_INSTANTIATE_KERNEL(Route)

}  // namespace plumb::reference
