// What input is refused with.
#pragma once

#include <string>

#include "base/errors.h"

namespace plumb::tests {

// The message of the InputError that `work` throws; empty when it throws none.
template <class Work>
std::string refusal(Work&& work) {
  try {
    work();
  } catch (const base::InputError& error) {
    return error.what();
  }
  return "";
}

}  // namespace plumb::tests
