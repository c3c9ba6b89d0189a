// The list of steps that a graph becomes, made once per graph, weights and precision.
//
// Everything that does not depend on the tokens is settled here: which kernel, which buffers, which
// weights in which form, which state slot, how much scratch. One step an op; products that read the
// same value (q, k and v; gate and up) run together, as one job.
#pragma once

#include <map>
#include <vector>

#include "base/dtype.h"
#include "base/parallel.h"
#include "candidates/cpu/call/state.h"
#include "candidates/cpu/call/step.h"
#include "candidates/cpu/products/weight.h"
#include "candidates/cpu/simd/scratch.h"
#include "graph/graph.h"
#include "model/weights.h"

namespace plumb::candidates::cpu {

class Plan {
 public:
  // `weights` must outlive the plan: bytes are used in place where they can be.
  Plan(const graph::Graph& graph, const model::Weights& weights, base::DType precision,
       const base::Threads& threads, Kernel kernel = Kernel::kFastest,
       Storage storage = Storage::kCompact);
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  const graph::Graph& graph() const { return graph_; }
  base::DType precision() const { return precision_; }
  const std::vector<Step>& steps() const { return steps_; }
  // Floats of activations for each row of a call.
  size_t arena_per_row() const { return arena_per_row_; }
  const ScratchSize& scratch() const { return scratch_; }
  const std::vector<State>& initial_states() const { return initial_states_; }
  // The tensors of each slot of a session's state, as the graph names them; none where it does not.
  const std::vector<std::vector<graph::StateTensor>>& slots() const { return slots_; }

 private:
  const Weight* hold(const model::WeightView& view, WeightForm form, const base::Threads& threads);
  void add_step(const graph::Op& op, const model::Weights& weights, const base::Threads& threads,
                Kernel kernel);
  void join_products();
  void place_values();
  void prepare(Step& step);

  graph::Graph graph_;
  base::DType precision_;
  Storage storage_;
  std::map<model::WeightId, Weight> weights_;
  std::vector<Step> steps_;
  size_t arena_per_row_ = 0;
  ScratchSize scratch_;
  std::vector<State> initial_states_;
  std::vector<std::vector<graph::StateTensor>> slots_;
};

}  // namespace plumb::candidates::cpu
