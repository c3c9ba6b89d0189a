// A value beside emulations that round as it rounded.
//
// On an engine's own operand a block quantiser leaves nothing to chance: emulations give the very
// codes, and differ from the engine by the noise of sums in float32, ten thousand times less than
// the rounding itself. A weight that is wrong in one row by far less than the floor shows there as
// a channel that is off at every position, where a code that fell the other way moves all channels
// of one position. docs/judgement.md, "Operands".
#pragma once

#include <optional>
#include <string>

#include "reference/matrix.h"

namespace plumb::measure {

struct Realised {
  // Distances to the nearest emulation, in floors, of the middle position.
  double typical = 0.0;  // of the middle channel
  double worst = 0.0;    // of the worst channel
  size_t worst_channel = 0;
  double own = 0.0;  // the worst of an emulation beside the others
};

// `replicas` holds two emulations or more, one under another. None where too few positions tell.
std::optional<Realised> measure_realised(const reference::Matrix& value,
                                         const reference::Matrix& replicas,
                                         const reference::Matrix& truth);

// One channel departs although the others are as the emulations have them.
bool departs(const Realised& realised);
std::string describe(const Realised& realised);

}  // namespace plumb::measure
