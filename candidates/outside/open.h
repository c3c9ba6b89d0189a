// Engines outside of this program, by what --candidate says (outside.h).
#pragma once

#include <memory>
#include <string_view>

#include "candidates/outside/outside.h"

namespace plumb::candidates {

// Null where `text` has none of their forms. Throws InputError.
std::unique_ptr<Outside> make_outside(std::string_view text, const OutsideOptions& options);

}  // namespace plumb::candidates
