// Tensors from files: what a kernel was given, and what it gave.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"

namespace plumb::kernel {

struct Tensor {
  std::string name;       // as the call has it; empty: none was said
  bool is_named = false;  // the name stands in the call, not only in the file
  std::string where;      // the file, for messages
  std::string item;       // the tensor in it, for messages; may be empty
  std::string dtype;      // as safetensors has it: "F32", "BF16", "F8_E4M3", "I64"
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;     // row-major
  std::shared_ptr<const void> storage;  // that `bytes` are in

  int64_t elements() const;
  bool is_integer() const;
  // F64, F32, F16, BF16; none for another type.
  std::optional<base::DType> plain() const { return base::dtype_from_safetensors_name(dtype); }
  // Widened exactly. Throws InputError for a type that holds no numbers.
  std::vector<double> values() const;
  // "[5, 8]"
  std::string shape_text() const;
};

// The same tensor with other numbers, of float64.
Tensor with_values(const Tensor& tensor, std::vector<int64_t> shape,
                   const std::vector<double>& values);

// NAME=FILE.npy, FILE.npy, FILE.safetensors#TENSOR or NAME=FILE.safetensors#TENSOR; of a
// safetensors file with a single tensor its name may be left out. Throws InputError where there is
// no such file or tensor, or it is damaged.
Tensor read_tensor(const std::string& argument);

}  // namespace plumb::kernel
