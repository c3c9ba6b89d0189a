// Running something in a child process first, where a crash, an endless loop or a flood of memory
// harms nobody: for libraries that do not survive damaged input.
#pragma once

#include <cstddef>
#include <functional>

#include "base/errors.h"

namespace plumb::base {

struct RehearsalLimits {
  size_t bytes = 0;      // of memory beyond what this process has
  double seconds = 0.0;  // of processor time
};

// Returns when `work` returned in a child process within the limits; what it computed or printed is
// lost. Throws the InputError that it threw there, or `failure` when it ended in any other way.
// `work` must not start threads, nor need a lock that another thread may hold.
void rehearse(const std::function<void()>& work, const RehearsalLimits& limits,
              const InputError& failure);

}  // namespace plumb::base
