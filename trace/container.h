// The two file formats that can hold a trace, reduced to what a trace needs: named arrays and text
// attributes. trace_file.h gives them their meaning.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace plumb::trace {

// The end of a name that chooses safetensors; any other chooses HDF5.
inline constexpr const char* kSafetensorsEnding = ".safetensors";

struct Dataset {
  std::vector<size_t> shape;
  bool integers = false;
};

class Container {
 public:
  virtual ~Container() = default;

  const std::filesystem::path& path() const { return path_; }
  // That of a group that logprobs.h names stands under "<group>/<name>".
  const std::map<std::string, std::string>& attributes() const { return attributes_; }
  // By full name without a leading slash: "float64/p0/layer.0.out".
  const std::map<std::string, Dataset>& datasets() const { return datasets_; }

  // Throw InputError when the data are damaged.
  virtual std::vector<double> read_reals(const std::string& name) const = 0;
  virtual std::vector<int64_t> read_integers(const std::string& name) const = 0;

 protected:
  explicit Container(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
  std::map<std::string, std::string> attributes_;
  std::map<std::string, Dataset> datasets_;
};

// Contiguous, chunked and gzip-compressed datasets are read; links, data in other files and filters
// from plugins are not. An HDF5 file is read twice, first in a child process (base/rehearsal.h).
std::unique_ptr<Container> open_hdf5(const std::filesystem::path& path);
std::unique_ptr<Container> open_safetensors(const std::filesystem::path& path);

}  // namespace plumb::trace
