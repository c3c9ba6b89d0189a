// Which side of each tie between experts a candidate took, where one tap alone was recorded.
#pragma once

#include "compare/evidence/routing.h"
#include "compare/evidence/truth.h"
#include "trace/recording.h"

namespace plumb::evidence {

// What is searched: `value` is all that the candidate recorded of the prompt, at `tap`. The floors
// hold those of the tap and of every router's scores.
struct TieSearch {
  const reference::Reference& reference;
  const Routing& routing;
  const std::vector<int64_t>& tokens;
  trace::Tap tap;
  const Matrix& value;
  const Readout& readout;  // where the tap is kLogits: how they are shown
  const Floors& floors;
};

// Starting from `choices`, those that ties allow and that bring the exact forward nearest. A
// position depends on those before it alone, so positions are settled one after the other.
Choices settle_ties(const TieSearch& search, Choices choices);

}  // namespace plumb::evidence
