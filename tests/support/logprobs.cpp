#include "tests/support/logprobs.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace plumb::tests {
namespace {

using trace::Tap;
using trace::TapId;

constexpr Tap kLogits{TapId::kLogits, -1};

std::vector<double> log_softmax(std::span<const double> logits, double step) {
  const auto most = static_cast<float>(*std::ranges::max_element(logits));
  float sum = 0.0F;
  for (const double v : logits) sum += std::exp(static_cast<float>(v) - most);
  const float norm = std::log(sum);
  std::vector<double> made;
  for (const double v : logits) {
    const double logprob = static_cast<float>(v) - most - norm;
    made.push_back(step > 0.0 ? static_cast<float>(std::round(logprob / step) * step) : logprob);
  }
  return made;
}

}  // namespace

std::unique_ptr<trace::MemoryLogprobs> with_logprobs(const trace::Recording& recording,
                                                     const LogprobOptions& options) {
  auto made = std::make_unique<trace::MemoryLogprobs>();
  for (const Tap& tap : recording.taps()) {
    if (tap != kLogits) made->put(tap, recording.read(tap));
  }
  const trace::Tensor logits = recording.read(kLogits);
  const size_t rows = logits.rows();
  const size_t vocabulary = logits.width();
  const size_t best = options.tokens == 0 ? vocabulary : options.tokens;
  const size_t width = best + (options.next_tokens_of != nullptr ? 1 : 0);
  trace::Tensor values{.shape = {rows, width}, .values = std::vector<double>(rows * width, 0.0)};
  trace::Tensor ids{.shape = {rows, width}, .values = std::vector<double>(rows * width, -1.0)};
  for (size_t t = 0; t < rows; ++t) {
    const std::vector<double> logprobs = log_softmax(logits.row(t), options.step);
    std::vector<size_t> order(vocabulary);
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::stable_sort(order, std::greater{}, [&](size_t id) { return logits.row(t)[id]; });
    order.resize(best);
    if (options.next_tokens_of != nullptr && t + 1 < rows) {
      const auto next = static_cast<size_t>(options.next_tokens_of->tokens[t + 1]);
      if (std::ranges::find(order, next) == order.end()) order.push_back(next);
    }
    for (size_t j = 0; j < order.size(); ++j) {
      ids.values[t * width + j] = static_cast<double>(order[j]);
      values.values[t * width + j] = logprobs[order[j]];
    }
  }
  made->put(trace::Logprobs{std::move(values), std::move(ids), std::nullopt});
  return made;
}

}  // namespace plumb::tests
