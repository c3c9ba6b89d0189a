// Why a run in pieces, in a batch or after a reset departs where the prompt at once does not: the
// state fault whose run gives the candidate's values.
#pragma once

#include "compare/diagnose/diagnose.h"
#include "compare/evidence/evidence.h"

namespace plumb::diagnose {

using result::FirstDivergence;

// `first` is where the run departs, at the tap that it names. Narrows first.slots down to what the
// cause strikes, where that is certain; else the slots of the nearest mistake come first.
Explanation diagnose_state(Truth& truth, const Scene& scene,
                           const std::vector<trace::Prompt>& others, FirstDivergence& first);

}  // namespace plumb::diagnose
