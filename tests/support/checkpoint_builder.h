// Checkpoint folders put together by hand, good and bad.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"

namespace plumb::tests {

struct BuiltTensor {
  std::string name;
  std::string dtype;
  std::vector<int64_t> shape;
  std::string bytes;
};

// bfloat16 values; ramp(n) gives n different ones.
BuiltTensor bf16_tensor(const std::string& name, const std::vector<int64_t>& shape,
                        double first = 1.0);

std::string build_safetensors(const std::vector<BuiltTensor>& tensors,
                              const std::map<std::string, std::string>& metadata = {
                                  {"format", "pt"}});

// The tensors of a file that safetensors_bytes or a synthesis wrote.
std::vector<BuiltTensor> take_apart(const std::filesystem::path& file);

void write_index(const std::filesystem::path& folder, const base::Json& weight_map);

}  // namespace plumb::tests
