// What Granite's models with experts share: Granite's multipliers, a softmax over the chosen.
#pragma once

#include "model/families/moe_parts.h"

namespace plumb::model {

// shared: with shared_intermediate_size, a shared expert, unless it is 0.
Spec read_granite_mixture(ConfigReader& config, bool shared);

NameTable granite_mixture_names();

// The same under the names of transformers' modules alone.
NameTable granite_module_names();

}  // namespace plumb::model
