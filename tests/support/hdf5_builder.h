// HDF5 files of any shape, good and bad, for readers to be tried on.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "trace/hdf5.h"

namespace plumb::tests {

class Hdf5Builder {
 public:
  explicit Hdf5Builder(const std::filesystem::path& file);

  void text_attribute(const std::string& name, const std::string& value, bool variable);
  void number_attribute(const std::string& name, double value);

  struct Layout {
    std::vector<size_t> chunk;       // empty: contiguous
    int gzip = 0;                    // level, with shuffle
    int filter = 0;                  // a filter of this id that changes nothing
    std::filesystem::path external;  // the data stand in this file
    hid_t type = H5T_IEEE_F64LE;     // in the file
    bool write = true;               // false: claimed and never written
  };
  // `data` holds doubles.
  void dataset(const std::string& name, const std::vector<size_t>& shape,
               const std::vector<double>& data, const Layout& layout);
  void dataset(const std::string& name, const std::vector<size_t>& shape,
               const std::vector<double>& data) {
    dataset(name, shape, data, Layout{});
  }
  void integers(const std::string& name, const std::vector<double>& data) {
    dataset(name, {data.size()}, data, {.type = H5T_STD_I64LE});
  }
  void texts(const std::string& name);
  void null_dataset(const std::string& name);
  void soft_link(const std::string& target, const std::string& name);
  void external_link(const std::filesystem::path& file, const std::string& target,
                     const std::string& name);

 private:
  trace::Handle create(const std::string& name, hid_t type, const trace::Handle& space,
                       const trace::Handle& layout);

  std::unique_lock<std::mutex> lock_;
  trace::Handle file_;
};

}  // namespace plumb::tests
