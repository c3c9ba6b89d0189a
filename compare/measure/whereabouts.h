// Where inside a tensor a candidate departs: at which positions, in which heads or channels.
#pragma once

#include <optional>
#include <string>

#include "compare/measure/readout.h"
#include "compare/measure/statistics.h"

namespace plumb::measure {

// "from position 12 on, in head 3 alone"; `heads` splits a row, 1 where it has none.
// `readout` says which positions rows are, and whether columns are channels.
std::string describe_whereabouts(const Matrix& value, const Matrix& truth, const Floor& floor,
                                 size_t heads, const Readout& readout = {});

// The first position that is off.
std::optional<size_t> first_position_off(const Matrix& value, const Matrix& truth,
                                         const Floor& floor);

}  // namespace plumb::measure
