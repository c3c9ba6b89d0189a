// A candidate that has run already: its trace file.
#pragma once

#include <memory>
#include <string_view>

#include "trace/trace_file.h"

namespace plumb::candidates {

inline constexpr std::string_view kTracePrefix = "trace:";

// `text` is trace:FILE[#dtype], with the dtype as traces name it; what follows the last '#' is one
// unless a file of the whole name exists. Throws InputError.
std::unique_ptr<trace::FileSource> open_recorded(std::string_view text);

}  // namespace plumb::candidates
