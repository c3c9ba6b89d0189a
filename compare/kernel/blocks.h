// Parts of sketches that several ops are made with.
#pragma once

#include "base/errors.h"
#include "compare/kernel/sketch.h"

namespace plumb::kernel {

// The attention of rotated queries and keys, with its cache and its sinks.
graph::ValueId build_attention(Sketch& sketch, graph::ValueId q, graph::ValueId k,
                               graph::ValueId v);

// The chosen experts at work.
graph::ValueId build_experts(Sketch& sketch, graph::ValueId x, graph::ValueId ids,
                             graph::ValueId weights);

}  // namespace plumb::kernel
