// One sequence of a call.
#pragma once

#include <cstdint>
#include <span>

#include "candidates/cpu/call/session.h"

namespace plumb::candidates::cpu {

struct Sequence {
  Session* session = nullptr;
  std::span<const int64_t> tokens;  // at session->position() and on

  size_t rows() const { return tokens.size(); }
  // Positions up to the end of the call, on which a dynamic rope depends.
  double length() const {
    return static_cast<double>(session->position()) + static_cast<double>(tokens.size());
  }
};

}  // namespace plumb::candidates::cpu
