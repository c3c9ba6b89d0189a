// The two file formats that a trace can be written in, reduced to what a trace needs: named arrays
// and text attributes. trace_writer.h gives them their meaning; container.h reads them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace plumb::trace {

// Writes under a temporary name; without a commit nothing remains. Every call throws InputError
// when the file cannot be written.
class TraceOutput {
 public:
  virtual ~TraceOutput() = default;

  virtual void attribute(const std::string& name, const std::string& text) = 0;
  virtual void integers(const std::string& name, const std::vector<size_t>& shape,
                        std::span<const int64_t> values) = 0;
  // In float64, or rounded to float32.
  virtual void reals(const std::string& name, const std::vector<size_t>& shape,
                     std::span<const double> values, bool doubles) = 0;
  virtual void commit() = 0;
};

// Chosen by the name's ending, as for reading: ".safetensors", else HDF5.
std::unique_ptr<TraceOutput> open_output(const std::filesystem::path& path);

std::unique_ptr<TraceOutput> open_hdf5_output(const std::filesystem::path& path);
std::unique_ptr<TraceOutput> open_safetensors_output(const std::filesystem::path& path);

}  // namespace plumb::trace
