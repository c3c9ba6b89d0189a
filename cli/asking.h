// Asking an engine outside of this program (candidates/outside/): for which taps and runs, and what
// a result has to say of what it left out.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "candidates/outside/outside.h"
#include "result/result.h"

namespace plumb::cli {

// What was answered.
struct Answer {
  std::unique_ptr<trace::Source> source;
  std::vector<std::string> notes;  // parts that were skipped, runs that were not given
  bool state_skipped = false;
};

// What --taps means for an engine that may not have them all; `expression` empty: the coarse ones.
std::vector<std::string> tap_wishes(const std::string& expression);

// Asks for the whole; where the engine cannot, without the runs in pieces, then without a greedy
// continuation. Throws candidates::CannotDo where even that is too much, and InputError where the
// answer is about other tokens.
Answer ask(candidates::Outside& engine, candidates::Request request, bool state);

// Says in a result that prompts were not run in pieces.
void skip_state(const std::vector<trace::Prompt>& prompts, result::Result& result);

}  // namespace plumb::cli
