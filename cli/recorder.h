// Runs an engine and writes what it gives into a trace: prompts at once, in pieces, as a batch,
// after a reset.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "trace/engine.h"
#include "trace/trace_writer.h"

namespace plumb::cli {

// Sizes of consecutive calls, as --split gives them.
struct Pieces {
  std::string text;
  std::vector<size_t> sizes;
  size_t total = 0;
};

class Recorder {
 public:
  Recorder(trace::Engine& engine, const trace::TapFilter& filter, trace::TraceWriter& writer)
      : engine_(engine), filter_(filter), writer_(writer) {}

  // The prompt in one call, then a greedy continuation: <p>.
  void whole(const trace::Prompt& prompt, int greedy_steps);
  // <p>@<sizes>
  void in_pieces(const trace::Prompt& prompt, const Pieces& pieces);
  // All prompts as the rows of one ragged batch: <p>@batch.
  void batch(const std::vector<trace::Prompt>& prompts);
  // Each prompt again, after the one before it (the first: after the last) and a reset: <p>@reset.
  void after_reset(const std::vector<trace::Prompt>& prompts);

 private:
  std::unique_ptr<trace::Sink> sink_of(const std::string& prompt, const std::string& run = "");

  trace::Engine& engine_;
  const trace::TapFilter& filter_;
  trace::TraceWriter& writer_;
};

}  // namespace plumb::cli
