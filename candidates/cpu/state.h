// What a sequence carries from one call to the next.
//
// An op kind that has state says in kernels.h how it begins; a plan numbers the slots; a Session
// holds them. A further kind of state is a further alternative here.
#pragma once

#include <variant>

#include "candidates/cpu/kv_cache.h"

namespace plumb::candidates::cpu {

using State = std::variant<KvCache>;

}  // namespace plumb::candidates::cpu
