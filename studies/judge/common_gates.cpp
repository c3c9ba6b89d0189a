#include "studies/judge/common_gates.h"

#include <algorithm>

namespace plumb::studies {
namespace {

using reference::Matrix;

bool choose_alike(const Matrix& a, const Matrix& b) {
  for (size_t t = 0; t < a.shape(0); ++t) {
    const auto ours = reference::row(a, t);
    const auto theirs = reference::row(b, t);
    if (std::ranges::max_element(ours) - ours.begin() !=
        std::ranges::max_element(theirs) - theirs.begin()) {
      return false;
    }
  }
  return true;
}

constexpr CommonGate kGates[] = {
    {"atol 1e-2", [](const LogitsComparison& run, double) { return run.metrics.max_abs <= 1e-2; }},
    {"same argmax", [](const LogitsComparison& run, double) { return run.same_tokens; }},
    {"cosine > .999",
     [](const LogitsComparison& run, double) { return run.metrics.cosine > .999; }},
    {"NMSE < 1e-4", [](const LogitsComparison& run, double) { return run.metrics.nmse < 1e-4; }},
    {"3 x clean drift",
     [](const LogitsComparison& run, double drift) { return run.metrics.max_abs <= 3 * drift; }},
};

}  // namespace

LogitsComparison compare_logits(const std::vector<Matrix>& logits,
                                const std::vector<Matrix>& truth) {
  LogitsComparison worst;
  for (size_t i = 0; i < logits.size(); ++i) {
    const measure::Metrics metrics = measure::measure(logits[i], truth[i]);
    worst.metrics.max_abs = std::max(worst.metrics.max_abs, metrics.max_abs);
    worst.metrics.nmse = std::max(worst.metrics.nmse, metrics.nmse);
    worst.metrics.cosine = std::min(worst.metrics.cosine, metrics.cosine);
    worst.same_tokens &= choose_alike(logits[i], truth[i]);
  }
  return worst;
}

std::span<const CommonGate> common_gates() {
  return kGates;
}

}  // namespace plumb::studies
