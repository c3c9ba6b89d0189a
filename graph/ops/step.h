// The numerical sub-steps of an op, and what a low-precision engine does at each.
#pragma once

#include <cstdint>
#include <string_view>

namespace plumb::graph {

enum class StepKind : uint8_t {
  kStorage,  // the value is stored in the model's dtype
  kCompute,  // the value stays in the type of computation (float32)
  kSum,      // the value is a sum, accumulated in the type of accumulation
  kOperand,  // an input of a product: rounded only where a contract says so
};

struct Step {
  std::string_view name;
  StepKind kind;  // unless the op's step_kind() says otherwise for its attributes
};

}  // namespace plumb::graph
