// Activation functions. Source: transformers 5.23, activations.py, ACT2FN.
#pragma once

#include "model/spec.h"

namespace plumb::reference {

double activate(model::Activation activation, double x);

// True where a library function is involved, whose last bits differ between engines.
bool is_transcendental(model::Activation activation);

}  // namespace plumb::reference
