// Which tensor of a call goes to which port of its op.
#pragma once

#include <vector>

#include "compare/kernel/ports.h"
#include "compare/kernel/shapes.h"
#include "compare/kernel/tensor.h"

namespace plumb::kernel {

// By their names. A tensor PORT_scale (or PORT.scale) multiplies the port's: one number, one a row,
// or one a block of 128 rows and columns. Throws InputError where a tensor has no port, a port two
// tensors, or one that the op needs none.
std::vector<Plugged> plug_inputs(const KernelOp& op, std::vector<Tensor> tensors);

// The same for what the op gave; a single one needs no name.
std::vector<Plugged> plug_outputs(const KernelOp& op, std::vector<Tensor> tensors);

}  // namespace plumb::kernel
