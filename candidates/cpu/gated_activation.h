// act(gate) * up over stretches of memory; experts use it too.
#pragma once

#include <cstddef>

#include "model/spec.h"

namespace plumb::candidates::cpu {

// y[i] = act(gate[i]) * up[i], i < n, rounded once; y may be gate or up.
void gate(model::Activation activation, const float* gate, const float* up, float* y, size_t n);

}  // namespace plumb::candidates::cpu
