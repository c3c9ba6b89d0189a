// Values of a call, and what tells how they were made.
#pragma once

#include <compare>
#include <cstddef>
#include <string_view>

namespace plumb::candidates::cpu {

// A value of the call: [rows, width] float32, a row a position.
struct Rows {
  float* data = nullptr;
  size_t rows = 0;
  size_t width = 0;

  float* row(size_t t) const { return data + t * width; }
};

// Which of an op's ways ran, and for which instruction set: what explain() tells.
struct Ran {
  std::string_view kernel;
  std::string_view target;

  auto operator<=>(const Ran&) const = default;
};

}  // namespace plumb::candidates::cpu
