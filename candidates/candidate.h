// Candidates: engines to be judged, as sources of traces.
//
//   cpu-f32, cpu-bf16      the in-tree engines, candidates/cpu/
//   trace:FILE[#dtype]     what somebody's engine recorded
// Those outside of this program: candidates/outside/outside.h.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/parallel.h"
#include "graph/graph.h"
#include "model/weights.h"
#include "trace/engine.h"

namespace plumb::candidates {

// The names of the in-tree engines.
std::span<const std::string_view> engine_names();

// What is passed must outlive the engine. Throws InputError for a name that is none of theirs.
std::unique_ptr<trace::Engine> make_engine(std::string_view name, const graph::Graph& graph,
                                           const model::Weights& weights,
                                           const base::Threads& threads);

// From what `--candidate` says. Throws InputError naming the known forms.
std::unique_ptr<trace::Source> make_candidate(std::string_view text, const graph::Graph& graph,
                                              const model::Weights& weights,
                                              const base::Threads& threads);

}  // namespace plumb::candidates
