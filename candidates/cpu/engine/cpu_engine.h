// The in-tree engine as a candidate: a plan in float32 or bfloat16, and runs of it.
//
// cpu-f32: weights and activations in float32; weights that the checkpoint has in bfloat16 are read
// as they lie, which changes no bit of a result. cpu-bf16: weights in bfloat16, activations, caches
// and sums in float32. Where the machine multiplies bfloat16 (targets.h), products of more than a
// few rows round what they read to bfloat16, and nothing else is rounded; it declares the contract
// kShortProducts (graph/contract.h).
#pragma once

#include "base/dtype.h"
#include "candidates/cpu/engine/forward.h"
#include "trace/engine.h"

namespace plumb::candidates::cpu {

class CpuEngine : public trace::Engine {
 public:
  CpuEngine(std::string name, base::DType precision, const graph::Graph& graph,
            const model::Weights& weights, const base::Threads& threads);

  const trace::Producer& producer() const override { return producer_; }
  std::unique_ptr<trace::Session> open() override;
  void run(std::span<const trace::Call> calls, const trace::TapFilter& filter) override;
  bool depends_on_length() const override { return graph::depends_on_length(plan_.graph()); }
  std::string explain() const override { return forward_.explain(); }

 private:
  trace::Producer producer_;
  Plan plan_;
  Forward forward_;
};

}  // namespace plumb::candidates::cpu
