// A tensor as a file holds it: its name, its type in the file's own words, its bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace plumb::model {

struct RawTensor {
  std::string file;   // for messages
  std::string name;   // as the file has it
  std::string dtype;  // as the container writes it: "BF16", "F8_E4M3", "Q4_K"
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;  // mapped; the container has checked that they fit the shape
};

}  // namespace plumb::model
