#include "candidates/server/recordings.h"

#include <algorithm>
#include <limits>

#include "base/errors.h"

namespace plumb::candidates {
namespace {

using trace::TapId;
using trace::Tensor;

// No probability is above 1, but for a rounding.
constexpr double kMostLogprob = 1e-3;

Tensor filled(size_t rows, size_t columns, double value) {
  return {.shape = {rows, columns}, .values = std::vector<double>(rows * columns, value)};
}

bool are_logits(const std::vector<Row>& rows) {
  return std::ranges::any_of(rows, [](const Row& row) {
    return std::ranges::any_of(row, [](const auto& entry) { return entry.second > kMostLogprob; });
  });
}

Tensor as_logits(const std::vector<Row>& rows, size_t vocab_size, const std::string& where) {
  Tensor logits = filled(rows.size(), vocab_size, std::numeric_limits<double>::quiet_NaN());
  for (size_t t = 0; t < rows.size(); ++t) {
    std::vector<bool> seen(vocab_size, false);
    for (const auto& [id, value] : rows[t]) {
      if (id < 0 || id >= static_cast<int64_t>(vocab_size)) continue;
      logits.values[t * vocab_size + static_cast<size_t>(id)] = value;
      seen[static_cast<size_t>(id)] = true;
    }
    if (std::ranges::find(seen, false) == seen.end()) continue;
    throw base::InputError(where, "",
                           "gives numbers above 0, which are logits, and not those of all tokens",
                           "have it report log-probabilities (vLLM: --logprobs-mode raw_logprobs), "
                           "or list all tokens (--max-logprobs -1, and --top-logprobs here)");
  }
  return logits;
}

}  // namespace

void ServerRecordings::add(const trace::Prompt& prompt, const std::vector<Row>& rows,
                           size_t vocab_size, const std::string& where) {
  prompts_.push_back(prompt);
  trace::MemoryLogprobs& recording = recordings_[prompt.name];
  if (are_logits(rows)) {
    return recording.put(trace::Tap{TapId::kLogits, -1}, as_logits(rows, vocab_size, where));
  }
  size_t most = 0;
  for (const Row& row : rows) most = std::max(most, row.size());
  if (most == 0) return;
  Tensor values = filled(rows.size(), most, 0.0);
  Tensor ids = filled(rows.size(), most, -1.0);
  for (size_t t = 0; t < rows.size(); ++t) {
    for (size_t j = 0; j < rows[t].size(); ++j) {
      ids.values[t * most + j] = static_cast<double>(rows[t][j].first);
      values.values[t * most + j] = rows[t][j].second;
    }
  }
  recording.put(trace::Logprobs{std::move(values), std::move(ids), std::nullopt});
}

void ServerRecordings::add_greedy(const std::string& prompt, std::vector<int64_t> tokens) {
  std::vector<double> margins(tokens.size(), std::numeric_limits<double>::quiet_NaN());
  recordings_[prompt].put(trace::Greedy{std::move(tokens), std::move(margins)});
}

std::unique_ptr<trace::Recording> ServerRecordings::record(const trace::Prompt& prompt,
                                                           const trace::TapFilter&, int) {
  return std::make_unique<trace::MemoryLogprobs>(recordings_[prompt.name]);
}

}  // namespace plumb::candidates
