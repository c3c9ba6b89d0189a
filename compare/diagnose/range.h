// Values that float16 cannot hold: where the truth itself goes beyond its largest number.
#pragma once

#include <optional>

#include "compare/diagnose/explanation.h"
#include "compare/evidence/truth.h"

namespace plumb::diagnose {

// The first place of a forward of these tokens at which float16 overflows; none where nothing does.
std::optional<Diagnosis> find_overflow(evidence::Truth& truth, const std::vector<int64_t>& tokens);

}  // namespace plumb::diagnose
