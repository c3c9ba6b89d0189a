// What a sequence carries from one call to the next.
//
// An op kind that has state says in kernels.h how it begins; a plan numbers the slots; a Session
// holds them. A further kind of state is a further alternative here, with clear() (as at the start)
// and reserve(positions).
#pragma once

#include <variant>

#include "candidates/cpu/call/conv_state.h"
#include "candidates/cpu/call/kv_cache.h"
#include "candidates/cpu/call/recurrent_state.h"

namespace plumb::candidates::cpu {

using State = std::variant<KvCache, ConvState, RecurrentState>;

}  // namespace plumb::candidates::cpu
