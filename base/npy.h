// Reading NumPy's .npy: magic, version, a Python dict as text, the data.
// Source: NumPy 2.3, numpy/lib/_format_impl.py, "Format Version 1.0" to 3.0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"

namespace plumb::base {

// One array, mapped and validated: its header is at most 64 KiB, and its data is exactly what dtype
// and shape say. Throws InputError naming the file otherwise, and for what is no plain array of
// little-endian numbers.
class NpyFile {
 public:
  explicit NpyFile(const std::filesystem::path& file);

  // As safetensors names it: "F32", "I64", ...
  const std::string& dtype() const { return dtype_; }
  const std::vector<int64_t>& shape() const { return shape_; }
  // The first axis runs fastest in `bytes`, instead of the last.
  bool fortran_order() const { return fortran_order_; }
  std::span<const std::byte> bytes() const { return mapped_.bytes().subspan(data_begin_); }

 private:
  std::string where_;
  MappedFile mapped_;
  std::string dtype_;
  std::vector<int64_t> shape_;
  bool fortran_order_ = false;
  size_t data_begin_ = 0;
};

}  // namespace plumb::base
