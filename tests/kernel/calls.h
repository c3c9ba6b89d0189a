// Calls of ops with drawn inputs, for tests.
#pragma once

#include <string>
#include <vector>

#include "compare/kernel/check.h"
#include "compare/kernel/ports.h"

namespace plumb::kernel::testing {

// Normal values that float32 holds, times `scale`.
Tensor drawn(const std::string& name, std::vector<int64_t> shape, uint64_t seed, double scale = 1.0);
// These numbers as float32, or as another plain type.
Tensor made(const std::string& name, std::vector<int64_t> shape, const std::vector<double>& values,
            base::DType dtype = base::DType::kF32);

// A call of the op with inputs, weights and attributes with which it has a meaning, and no output.
Call drawn_call(const KernelOp& op, uint64_t seed);

// What the op gives, rounded to a type: an output that no engine can better.
std::vector<Tensor> true_outputs(const Call& call, base::DType dtype = base::DType::kF32);

}  // namespace plumb::kernel::testing
