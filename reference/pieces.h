// A run in pieces: sequences given whole, run as consecutive calls through their state.
#pragma once

#include <functional>
#include <span>

#include "reference/run.h"

namespace plumb::reference {

// Stands before each call and may change it, the state of its sequences included.
using Between = std::function<void(size_t call, Request& request)>;

// Runs `whole`, of which all sequences are equally long, in calls of these sizes. What it takes,
// is forced and is chosen covers the whole sequences, as in one call; each tap is handed out once,
// at the end. The states after the last call are left in `states`, one a sequence.
// The call with which the sequences first pass `rebuilt_beyond` positions (0: none does) begins
// them anew, by running all tokens so far: what a rope made for shorter sequences is not kept.
void run_in_pieces(const Reference& reference, const Request& whole, std::span<const size_t> pieces,
                   std::vector<State>& states, const Between& between = nullptr,
                   size_t rebuilt_beyond = 0);

}  // namespace plumb::reference
