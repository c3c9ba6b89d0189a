// Runs a graph in float64: the reference forward, its replays, and its emulations of a contract.
//
// Memory: the largest tile of a weight, widened, and of each width of values as many as were to be
// read at once, which stay for the next run. Results are the same bits at any number of threads.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/parallel.h"
#include "graph/contract.h"
#include "graph/graph.h"
#include "model/weights.h"
#include "reference/arithmetic.h"
#include "reference/context.h"
#include "reference/matrix.h"
#include "reference/spares.h"
#include "reference/state.h"
#include "trace/recording.h"

namespace plumb::reference {

// Emulates a precision contract instead of computing exactly.
struct Emulation {
  const graph::Contract* contract = nullptr;
  uint64_t seed = 0;
  RoundingMode mode = RoundingMode::kNearest;
};

struct Request {
  // Their rows are stacked in every matrix of the run.
  std::vector<Sequence> sequences;
  // All sequences are one prompt: independent emulations of it, side by side.
  bool replicas = false;
  std::optional<Emulation> emulation;
  // The taps to hand out; ops that none of them needs are not run.
  std::function<bool(const trace::Tap&)> wants;
  // Takes a tap's computed value, in the order of the graph.
  std::function<void(const trace::Tap&, const Matrix&)> take;
  // A value that stands in for what the run computes at a tap, for all that comes after it: the
  // start of a replay. The computed one is still handed to `take`. May be empty.
  std::function<std::optional<Matrix>(const trace::Tap&)> forced;
  // Which taps `forced` will give; needed to know which ops can be left out.
  std::function<bool(const trace::Tap&)> forces;
  // The experts that each position of a sequence takes in a layer, instead of the best: [T, top_k],
  // or null; a row that starts with kFreeChoice takes the best. Their weights follow from the
  // scores that the run computes. May be empty.
  std::function<const Matrix*(int layer)> choices;
  // Mistakes that the run makes; null: none.
  const Deviations* deviations = nullptr;
};

// What a part of a forward sets out from: the values that no op of its graph makes, by token. All
// runs of the graph begin with it.
struct Outset {
  std::map<graph::ValueId, Matrix> inputs;  // row i is token i's
  std::vector<int64_t> positions;           // of token i; empty: sequences begin at 0
  std::optional<State> state;               // that every sequence begins from; none: an empty one
};

class Reference {
 public:
  // What is passed must outlive the reference; `outset` is null for a whole forward.
  Reference(const graph::Graph& graph, const model::Weights& weights, const base::Threads& threads,
            const Outset* outset = nullptr)
      : graph_(graph), weights_(weights), threads_(threads), outset_(outset) {}

  const graph::Graph& graph() const { return graph_; }
  const model::Weights& weights() const { return weights_; }
  const base::Threads& threads() const { return threads_; }
  const Outset* outset() const { return outset_; }
  // Positions of every sequence that lie before its first token.
  size_t positions_before() const {
    return outset_ != nullptr && outset_->state ? static_cast<size_t>(outset_->state->position) : 0;
  }
  // What `sequence` begins from.
  State fresh_state(const Sequence& sequence) const;

  void run(const Request& request) const;

  // One prompt, exactly: the taps of `filter` into `sink`.
  void record(std::span<const int64_t> tokens, const trace::TapFilter& filter,
              trace::Sink& sink) const;

 private:
  const graph::Graph& graph_;
  const model::Weights& weights_;
  const base::Threads& threads_;
  const Outset* outset_;
  mutable Spares spares_;
};

// The value as a tap's tensor, with the shape that the graph gives it.
trace::Tensor to_tensor(const graph::Graph& graph, const trace::Tap& tap, const Matrix& value);

}  // namespace plumb::reference
