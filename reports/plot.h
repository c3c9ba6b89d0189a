// The drift of a case's candidates, tap by tap, over what their precision costs by itself.
//
// Two panels share one axis of taps: the whole forward (floor_ratio: inherited error included) and
// each step on the candidate's own inputs (local_ratio). The shaded band is the range of clean
// runs. A tap beyond the limit that it was judged by is a triangle in the colour of failure, an
// infinite one an arrow
// at the top, an exact zero stands on the bottom edge, and an unknown one leaves a gap.
#pragma once

#include "reports/digest.h"
#include "reports/markup.h"

namespace plumb::reports {

// False when no result has a tap with a known ratio: there is nothing to draw.
bool can_draw_drift(const ResultRefs& results);

// One <figure>: the plot, and a legend of the candidates. Needs can_draw_drift().
void draw_drift(Markup& page, const ResultRefs& results);

}  // namespace plumb::reports
