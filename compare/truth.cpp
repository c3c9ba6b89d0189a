#include "compare/truth.h"

#include <algorithm>

#include "base/errors.h"

namespace plumb::compare {
namespace {

using reference::Request;
using trace::Tap;
using trace::TapId;

constexpr Tap kLogits{TapId::kLogits, -1};

Matrix repeat(const Matrix& value, int times) {
  Matrix stacked = reference::make_matrix(value.shape(0) * static_cast<size_t>(times),
                                          value.shape(1));
  for (int k = 0; k < times; ++k) {
    std::copy(value.data(), value.data() + value.size(),
              stacked.data() + static_cast<size_t>(k) * value.size());
  }
  return stacked;
}

// Experts in the order in which Recorded gives them.
void order_experts(Matrix& ids, Matrix& weights) {
  for (size_t t = 0; t < ids.shape(0); ++t) {
    for (size_t i = 1; i < ids.shape(1); ++i) {
      for (size_t j = i; j > 0 && ids(t, j) < ids(t, j - 1); --j) {
        std::swap(ids(t, j), ids(t, j - 1));
        std::swap(weights(t, j), weights(t, j - 1));
      }
    }
  }
}

Request make_request(const TruthRequest& from, int copies) {
  Request request;
  request.sequences.assign(static_cast<size_t>(copies), reference::Sequence{from.tokens});
  request.replicas = copies > 1;
  request.wants = [&taps = from.taps](const Tap& tap) {
    return std::binary_search(taps.begin(), taps.end(), tap);
  };
  if (from.forced != nullptr) {
    request.forces = [forced = from.forced](const Tap& tap) { return forced->has(tap); };
    request.forced = [forced = from.forced, copies](const Tap& tap) {
      return std::optional(repeat(forced->usable(tap), copies));
    };
  }
  return request;
}

// Collects taps; the choice of experts and their weights are put in one order.
std::map<Tap, Matrix> collect(const reference::Reference& reference, Request request) {
  std::map<Tap, Matrix> values;
  request.take = [&](const Tap& tap, const Matrix& value) { values[tap] = value; };
  reference.run(request);
  for (auto& [tap, ids] : values) {
    if (tap.id != TapId::kRouterIds) continue;
    const auto weights = values.find(Tap{TapId::kRouterWeights, tap.layer});
    if (weights != values.end()) order_experts(ids, weights->second);
  }
  return values;
}

}  // namespace

Truths establish(const reference::Reference& reference, const TruthRequest& request) {
  base::ensure(std::is_sorted(request.taps.begin(), request.taps.end()), "taps are in order");
  Truths truths;
  for (auto& [tap, value] : collect(reference, make_request(request, 1))) {
    truths[tap].value = std::move(value);
  }
  if (request.contract == nullptr) return truths;
  Request emulation = make_request(request, request.replicas);
  emulation.emulation = reference::Emulation{request.contract, request.seed};
  const double u = base::unit_roundoff(request.contract->storage);
  for (const auto& [tap, replicas] : collect(reference, std::move(emulation))) {
    truths[tap].floor = measure_floor(replicas, truths[tap].value, u);
  }
  return truths;
}

Continuation continue_prompt(const reference::Reference& reference,
                             std::span<const int64_t> prompt,
                             std::span<const int64_t> continuation,
                             const graph::Contract* contract, int replicas, uint64_t seed) {
  std::vector<int64_t> tokens(prompt.begin(), prompt.end());
  tokens.insert(tokens.end(), continuation.begin(), continuation.end() - 1);
  const size_t steps = continuation.size();
  const size_t copies = contract == nullptr ? 0 : static_cast<size_t>(replicas);
  const auto width = static_cast<size_t>(reference.graph().vocab_size);
  Continuation result{.logits = reference::make_matrix(steps, width)};
  Matrix noisy = reference::make_matrix(steps * copies, width);
  // Runs the first `length` tokens and keeps the last `rows` of each copy from step `first` on.
  const auto run = [&](size_t length, size_t rows, size_t first, bool exact) {
    TruthRequest truth{.tokens = std::span(tokens).first(length), .taps = {kLogits}};
    Request request = make_request(truth, exact ? 1 : static_cast<int>(copies));
    if (!exact) request.emulation = reference::Emulation{contract, seed};
    Matrix& target = exact ? result.logits : noisy;
    const Matrix logits = collect(reference, std::move(request)).at(kLogits);
    for (size_t k = 0; k < logits.shape(0) / length; ++k) {
      for (size_t i = 0; i < rows; ++i) {
        const auto from = reference::row(logits, k * length + length - rows + i);
        std::copy(from.begin(), from.end(), reference::row(target, k * steps + first + i).begin());
      }
    }
  };
  for (const bool exact : {true, false}) {
    if (!exact && copies == 0) break;
    if (!graph::depends_on_length(reference.graph())) {
      run(tokens.size(), steps, 0, exact);
      continue;
    }
    for (size_t i = 0; i < steps; ++i) run(prompt.size() + i, 1, i, exact);
  }
  if (copies > 0) {
    result.floor =
        measure_floor(noisy, result.logits, base::unit_roundoff(contract->storage));
  }
  return result;
}

}  // namespace plumb::compare
