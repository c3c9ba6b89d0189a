// Plain damage that a person would see at a glance: said before any number is.
#pragma once

#include <optional>
#include <string>

#include "compare/measure/statistics.h"

namespace plumb::measure {

// "every value is 0", "positions 4 and 5 are exchanged", "every position is shifted by one", "holds
// NaN or infinity first at position 3, channel 5"; nothing where it is none of these.
std::optional<std::string> recognise(const Matrix& value, const Matrix& truth, const Floor& floor);

}  // namespace plumb::measure
