// Reading the safetensors container: eight bytes of header length, a JSON header, the data.
// Source: the format's own description, github.com/huggingface/safetensors, README "Format".
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"

namespace plumb::base {

struct SafetensorsEntry {
  std::string name;
  std::string dtype;  // as written: "F32", "BF16", "I64", ...
  std::vector<int64_t> shape;
  size_t begin = 0;  // byte range in the data section
  size_t end = 0;

  size_t elements() const;
};

// One file, mapped and validated: the header is at most 16 MiB of strict JSON, every byte range
// fits its dtype and shape, and the ranges cover the data exactly, with no gap and no overlap.
// Throws InputError naming the file and the tensor otherwise.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& file);

  const std::filesystem::path& path() const { return path_; }
  // In the order of the data.
  const std::vector<SafetensorsEntry>& entries() const { return entries_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  std::span<const std::byte> bytes(const SafetensorsEntry& entry) const;

 private:
  std::filesystem::path path_;
  MappedFile mapped_;
  size_t data_begin_ = 0;
  std::vector<SafetensorsEntry> entries_;
  std::map<std::string, std::string> metadata_;
};

// The header (length prefix included, padded to 8 bytes) of a file that will hold `entries`, whose
// ranges must already be set.
std::string safetensors_header(const std::vector<SafetensorsEntry>& entries,
                               const std::map<std::string, std::string>& metadata);

}  // namespace plumb::base
