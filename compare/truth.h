// What a tap is, and what a precision may make of it: the float64 truth and its noise floor.
//
// The truth is an exact run; the floor is made by replicas, runs that emulate the candidate's
// precision contract, side by side in one batch. "Global" truths come from the prompt; "local" ones
// from the candidate's own recorded values, so that each op or segment is judged by itself.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "compare/recorded.h"
#include "compare/statistics.h"
#include "graph/contract.h"
#include "reference/run.h"

namespace plumb::compare {

struct TapTruth {
  Matrix value;
  Floor floor;
};
using Truths = std::map<trace::Tap, TapTruth>;

struct TruthRequest {
  std::span<const int64_t> tokens;
  std::vector<trace::Tap> taps;
  const graph::Contract* contract = nullptr;
  int replicas = 0;
  uint64_t seed = 0;
  // With it: every recorded tap stands in for what the run computes there.
  const Recorded* forced = nullptr;
};

Truths establish(const reference::Reference& reference, const TruthRequest& request);

// The logits that decide each token of a continuation: row i is what follows prompt +
// continuation[0, i), by a forward of that whole sequence.
struct Continuation {
  Matrix logits;  // [steps, vocab_size]
  Floor floor;
};
Continuation continue_prompt(const reference::Reference& reference,
                             std::span<const int64_t> prompt,
                             std::span<const int64_t> continuation,
                             const graph::Contract* contract, int replicas, uint64_t seed);

}  // namespace plumb::compare
