// The style sheet of the HTML page, its plots included.
#pragma once

#include <string_view>

namespace plumb::reports {

// Holds neither '<' nor '&', so that the page stays well-formed XML.
extern const std::string_view kStyle;

}  // namespace plumb::reports
