// A result in the words of one op: its inputs and outputs instead of taps of a layer.
#pragma once

#include <map>
#include <string>

#include "compare/kernel/ports.h"
#include "result/result.h"
#include "trace/tap.h"

namespace plumb::kernel {

// `names`: what the op calls each tap. Rows of inputs, which nobody judges, are left out.
void rename(const KernelOp& op, const std::map<trace::Tap, std::string>& names,
            result::Result& result);

}  // namespace plumb::kernel
