// The cells of the state matrix: ways of running a prompt that have to give what running it at once
// gives.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "trace/engine.h"

namespace plumb::verdict {

// One such run of a prompt.
struct CellRun {
  // As a run of a trace: named "p0@7+1x30", with the sizes of the calls that the prompt itself is
  // run in.
  trace::Prompt prompt;
  // Runs it and hands the taps of all its positions to the sink, then those of the state.
  std::function<void(trace::Engine&, const trace::TapFilter&, trace::Sink&)> play;
};

struct Cell {
  std::string name;  // "every split in two", "chunks of 7"
  std::vector<CellRun> runs;
};

// All cells of prompts[index]; the others are what else the engine is asked to run. The prompts
// must outlive the cells.
std::vector<Cell> state_cells(const std::vector<trace::Prompt>& prompts, size_t index);

}  // namespace plumb::verdict
