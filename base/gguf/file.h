// Reading the GGUF container, versions 2 and 3: typed keys, tensor infos, aligned data.
// Source: ggml 0.25, docs/gguf.md and gguf.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/gguf/types.h"

namespace plumb::base {

// A value of the metadata as a view of the mapped file; an array is read element by element.
class GgufValue {
 public:
  // The ids of the file.
  enum class Type : uint8_t {
    kU8,
    kI8,
    kU16,
    kI16,
    kU32,
    kI32,
    kF32,
    kBool,
    kString,
    kArray,
    kU64,
    kI64,
    kF64,
  };

  bool is_array() const { return type_ == Type::kArray; }
  // Of an array; 1 otherwise.
  uint64_t count() const { return count_; }

  // What a scalar, or each element of an array, holds; nothing where it is of another kind, or an
  // integer beyond int64. Integers are numbers too.
  std::optional<int64_t> integer() const;
  std::optional<double> number() const;
  std::optional<bool> flag() const;
  std::optional<std::string_view> text() const;
  std::optional<std::vector<int64_t>> integers() const;
  std::optional<std::vector<double>> numbers() const;
  std::optional<std::vector<bool>> flags() const;

 private:
  friend class GgufReader;
  Type type_ = Type::kU8;
  Type element_ = Type::kU8;  // of an array
  uint64_t count_ = 1;
  std::span<const std::byte> raw_;
};

struct GgufTensor {
  std::string name;
  std::vector<int64_t> shape;  // as torch has it: the last runs fastest
  const GgmlType* type = nullptr;
  size_t begin = 0;  // in the file
  size_t bytes = 0;

  size_t elements() const;
};

// One file, mapped and validated: names are unique, every row is a whole number of blocks, every
// tensor begins where the padded sizes before it end, and the file ends with the last one. Nothing
// is believed beyond what the file's size allows. Throws InputError naming file and tensor.
class GgufFile {
 public:
  explicit GgufFile(const std::filesystem::path& file);

  const std::filesystem::path& path() const { return path_; }
  const std::map<std::string, GgufValue, std::less<>>& keys() const { return keys_; }
  // In the order of the data.
  const std::vector<GgufTensor>& tensors() const { return tensors_; }
  std::span<const std::byte> bytes(const GgufTensor& tensor) const;

 private:
  std::filesystem::path path_;
  MappedFile mapped_;
  std::map<std::string, GgufValue, std::less<>> keys_;
  std::vector<GgufTensor> tensors_;
};

}  // namespace plumb::base
