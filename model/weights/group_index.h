// g_idx: which group's scale each input of a matrix takes, where they were ordered by activation.
#pragma once

#include "model/weights/numbers.h"

namespace plumb::model {

// Throws InputError where an index lies outside 0..groups-1: reads all of them, for they are
// addresses.
void require_groups(const Numbers& index, int64_t groups);

}  // namespace plumb::model
