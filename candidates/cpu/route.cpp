// Scalar float64: a row has as many scores as there are experts, and a choice between two that are
// close must not hang on a float32 rounding of their probabilities.
#include <algorithm>
#include <cmath>

#include "base/errors.h"
#include "candidates/cpu/kernels.h"

namespace plumb::candidates::cpu {
namespace {

constexpr size_t kMaxExperts = 4096;

// p = softmax(scores)
void softmax(const float* scores, std::span<double> p) {
  const double most = *std::max_element(scores, scores + p.size());
  double sum = 0.0;
  for (size_t e = 0; e < p.size(); ++e) {
    p[e] = std::exp(static_cast<double>(scores[e]) - most);
    sum += p[e];
  }
  for (double& v : p) v /= sum;
}

// The expert of the largest p that is not taken; the lower one among equals, and among NaNs.
size_t best_of(std::span<const double> p, std::span<const bool> taken) {
  size_t best = static_cast<size_t>(std::find(taken.begin(), taken.end(), false) - taken.begin());
  for (size_t e = best + 1; e < p.size(); ++e) {
    if (!taken[e] && p[e] > p[best]) best = e;
  }
  return best;
}

void route_row(const model::RouterSpec& router, const float* scores, float* ids, float* weights) {
  double probabilities[kMaxExperts];
  bool taken[kMaxExperts] = {};
  const auto experts = static_cast<size_t>(router.num_experts);
  const std::span p(probabilities, experts);
  softmax(scores, p);
  const auto k = static_cast<size_t>(router.top_k);
  double sum = 0.0;
  for (size_t i = 0; i < k; ++i) {
    const size_t best = best_of(p, {taken, experts});
    taken[best] = true;
    ids[i] = static_cast<float>(best);
    sum += p[best];
  }
  for (size_t i = 0; i < k; ++i) {
    const double weight = p[static_cast<size_t>(ids[i])];
    weights[i] = static_cast<float>(router.normalize ? weight / sum : weight);
  }
}

}  // namespace

Ran compute(const graph::Route& op, const Context& context) {
  base::ensure(static_cast<size_t>(op.router.num_experts) <= kMaxExperts,
               "a router has at most 4096 experts");
  context.threads.for_ranges(context.rows(), 16, [&](size_t begin, size_t end) {
    for (size_t t = begin; t < end; ++t) {
      route_row(op.router, context.in[0].row(t), context.out[0].row(t), context.out[1].row(t));
    }
  });
  return {"rows in float64", ""};
}

}  // namespace plumb::candidates::cpu
