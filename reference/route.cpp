#include <algorithm>
#include <cmath>
#include <numeric>

#include "reference/elementwise.h"
#include "reference/kernels.h"

namespace plumb::reference {
namespace {

template <class A>
std::vector<double> softmax(const A& a, std::span<const double> x, size_t element) {
  using Step = graph::Route::Step;
  const double most = *std::max_element(x.begin(), x.end());
  std::vector<double> p;
  for (const double v : x) p.push_back(std::exp(v - most));
  a.function(p, element);
  const double sum = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& v : p) v /= sum;
  a.round(Step::kProbabilities, p, element);
  return p;
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

}  // namespace

template <class A>
void compute(const A& a, const graph::Route& op, const Context& context, Inputs in, Outputs out) {
  using Step = graph::Route::Step;
  const auto k = static_cast<size_t>(op.router.top_k);
  for_rows(context, out[0], [&](size_t t, size_t element) {
    const auto scores = row(*in[0], t);
    const std::vector<double> p = softmax(a, scores, t * scores.size());
    const std::vector<size_t> chosen = top_k(p, k);
    const auto ids = row(out[0], t);
    const auto weights = row(out[1], t);
    double sum = 0.0;
    for (const size_t e : chosen) sum += p[e];
    for (size_t i = 0; i < k; ++i) {
      ids[i] = static_cast<double>(chosen[i]);
      weights[i] = op.router.normalize ? p[chosen[i]] / sum : p[chosen[i]];
    }
    a.round(Step::kOutput, weights, element);
  });
}

PLUMB_INSTANTIATE_KERNEL(Route)

}  // namespace plumb::reference
