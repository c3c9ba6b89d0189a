// act(gate) * up over stretches of memory; experts and gates use it too.
#pragma once

#include <cstddef>

#include "model/spec.h"

namespace plumb::candidates::cpu {

// y[i] = act(gate[i]) * up[i], i < n, rounded once; y may be gate or up.
void gate(model::Activation activation, const float* gate, const float* up, float* y, size_t n);

// The same with the clamped gate of gpt_oss: y = g sigmoid(alpha g) (u + 1), g = min(gate, limit),
// u = up within -limit and limit.
void clamped_glu(double limit, double alpha, const float* gate, const float* up, float* y,
                 size_t n);

// The instruction set that these run in.
const char* gate_target();

}  // namespace plumb::candidates::cpu
