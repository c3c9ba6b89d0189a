// Candidates: engines to be judged, as sources of traces.
//
//   cpu-f32, cpu-bf16      the in-tree engines, candidates/cpu/
//   trace:FILE[#dtype]     what somebody's engine recorded
//   exec:, plugin:         reserved
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/parallel.h"
#include "graph/graph.h"
#include "model/weights.h"
#include "trace/recording.h"

namespace plumb::candidates {

// An engine that runs in this process.
class Engine : public trace::Source {
 public:
  std::vector<trace::Prompt> prompts() const override { return {}; }
  std::unique_ptr<trace::Recording> record(const trace::Prompt& prompt,
                                           const trace::TapFilter& filter,
                                           int greedy_steps) override;

  // Runs `prompt`, handing the taps of `filter` to `sink` as they are computed, and returns a
  // greedy continuation of that many tokens; none for greedy_steps = 0.
  virtual std::optional<trace::Greedy> run(const trace::Prompt& prompt,
                                           const trace::TapFilter& filter, int greedy_steps,
                                           trace::Sink& sink) = 0;

  // Which kernels ran, for which instruction sets: one line each.
  virtual std::string explain() const = 0;
};

// The names of the in-tree engines.
std::span<const std::string_view> engine_names();

// What is passed must outlive the engine. Throws InputError for a name that is none of theirs.
std::unique_ptr<Engine> make_engine(std::string_view name, const graph::Graph& graph,
                                    const model::Weights& weights, const base::Threads& threads);

// From what `--candidate` says. Throws InputError naming the known forms.
std::unique_ptr<trace::Source> make_candidate(std::string_view text, const graph::Graph& graph,
                                              const model::Weights& weights,
                                              const base::Threads& threads);

}  // namespace plumb::candidates
