// The in-tree engine as a candidate: a plan in float32 or bfloat16, and runs of it.
//
// cpu-f32: weights and activations in float32. cpu-bf16: weights in bfloat16, activations, caches
// and sums in float32. Where the machine multiplies bfloat16 (targets.h), calls of more than a few
// rows store what products read in bfloat16, and so do the inner products of experts; all else
// stays float32. Either way it makes fewer roundings than a bfloat16 engine may.
#pragma once

#include "base/dtype.h"
#include "candidates/candidate.h"
#include "candidates/cpu/forward.h"

namespace plumb::candidates::cpu {

class CpuEngine : public Engine {
 public:
  CpuEngine(std::string name, base::DType precision, const graph::Graph& graph,
            const model::Weights& weights, const base::Threads& threads);

  const trace::Producer& producer() const override { return producer_; }
  // The prompt in one call; then, token by token through the cache, the greedy continuation. Where
  // a rotation depends on the sequence's length, each step is a run of the whole sequence instead:
  // that is what the continuation of such a model is (rope_tables.h).
  std::optional<trace::Greedy> run(const trace::Prompt& prompt, const trace::TapFilter& filter,
                                   int greedy_steps, trace::Sink& sink) override;
  std::string explain() const override { return forward_.explain(); }

 private:
  Rows next(Session& session, const std::vector<int64_t>& sequence);

  trace::Producer producer_;
  Plan plan_;
  Forward forward_;
};

// The largest logit (the lower id among equals) and its lead over the second; where one of them is
// a NaN, the first such and a NaN.
struct TopTwo {
  int64_t token;
  double margin;
};
TopTwo top_two(std::span<const float> logits);

}  // namespace plumb::candidates::cpu
