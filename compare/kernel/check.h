// Judges one op's output on given inputs, as a segment of a forward is judged: the float64 truth on
// exactly these inputs, the floor of a precision contract, the cause from the library.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/parallel.h"
#include "compare/kernel/tensor.h"
#include "graph/contract.h"
#include "result/result.h"

namespace plumb::kernel {

struct Call {
  std::string op;
  std::vector<Tensor> inputs;   // weights and state besides
  std::vector<Tensor> outputs;  // of the kernel that is judged
  std::vector<std::pair<std::string, std::string>> attributes;
  std::string candidate_name;
  // Null: what the output's type entitles to.
  const graph::Contract* contract = nullptr;
  // Under the strictest contract that it keeps.
  bool best_contract = false;
};

// Taps of the result are named as the op's inputs and outputs. Throws InputError where the call has
// no meaning.
result::Result check(const Call& call, const base::Threads& threads);

}  // namespace plumb::kernel
