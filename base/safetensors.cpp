#include "base/safetensors.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>

#include "base/errors.h"
#include "base/json.h"

namespace plumb::base {
namespace {

constexpr size_t kRankLimit = 8;
constexpr const char* kMend = "fetch or export the file again";

// Bytes an element takes, by the names that the format defines.
std::optional<size_t> element_size(const std::string& dtype) {
  static const std::map<std::string, size_t> kSizes = {
      {"F64", 8},  {"F32", 4}, {"F16", 2},     {"BF16", 2},    {"I64", 8},     {"U64", 8},
      {"I32", 4},  {"U32", 4}, {"I16", 2},     {"U16", 2},     {"I8", 1},      {"U8", 1},
      {"BOOL", 1}, {"C64", 8}, {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"F8_E8M0", 1},
  };
  const auto found = kSizes.find(dtype);
  return found == kSizes.end() ? std::nullopt : std::optional(found->second);
}

// a * b, or nothing when it does not fit.
std::optional<size_t> checked_product(size_t a, size_t b) {
  if (b != 0 && a > std::numeric_limits<size_t>::max() / b) return std::nullopt;
  return a * b;
}

class HeaderReader {
 public:
  HeaderReader(const std::string& where, size_t data_size) : where_(where), data_size_(data_size) {}

  SafetensorsEntry entry(const std::string& name, const Json& row) const {
    if (name.empty() || one_line(name, name.size()) != name) {
      fail(name, "its name is empty or holds control characters");
    }
    if (!row.is_object()) fail(name, "its header entry is no object");
    for (const auto& [key, value] : row.items()) {
      if (key != "dtype" && key != "shape" && key != "data_offsets") {
        fail(name, "its header entry has the unknown key '" + key + "'");
      }
    }
    SafetensorsEntry entry{.name = name};
    entry.dtype = text(name, row, "dtype");
    const std::vector<size_t> shape = numbers(name, row, "shape");
    const std::vector<size_t> range = numbers(name, row, "data_offsets");
    if (shape.size() > kRankLimit) fail(name, "it has more than 8 dimensions");
    if (range.size() != 2 || range[0] > range[1] || range[1] > data_size_) {
      fail(name, "its data_offsets lie outside the file: truncated or corrupt");
    }
    const std::optional<size_t> unit = element_size(entry.dtype);
    if (!unit) fail(name, "it has the unknown dtype '" + entry.dtype + "'");
    std::optional<size_t> bytes = unit;
    for (const size_t extent : shape) {
      if (bytes) bytes = checked_product(*bytes, extent);
      entry.shape.push_back(static_cast<int64_t>(extent));
    }
    if (!bytes || *bytes != range[1] - range[0]) {
      fail(name, "its data_offsets do not fit its dtype and shape");
    }
    entry.begin = range[0];
    entry.end = range[1];
    return entry;
  }

  std::map<std::string, std::string> metadata(const Json& row) const {
    if (!row.is_object()) fail("__metadata__", "is no object");
    std::map<std::string, std::string> result;
    for (const auto& [key, value] : row.items()) {
      if (!value.is_string()) fail("__metadata__." + key, "is no string");
      result[key] = value.get<std::string>();
    }
    return result;
  }

  [[noreturn]] void fail(const std::string& item, const std::string& problem) const {
    throw InputError(where_, item, problem, kMend);
  }

 private:
  std::string text(const std::string& name, const Json& row, const char* key) const {
    if (!row.contains(key) || !row[key].is_string()) {
      fail(name, std::string("its header entry lacks a text '") + key + "'");
    }
    return row[key].get<std::string>();
  }

  std::vector<size_t> numbers(const std::string& name, const Json& row, const char* key) const {
    if (!row.contains(key) || !row[key].is_array()) {
      fail(name, std::string("its header entry lacks an array '") + key + "'");
    }
    std::vector<size_t> result;
    for (const Json& item : row[key]) {
      if (!item.is_number_unsigned() || item.get<uint64_t>() > (uint64_t{1} << 62)) {
        fail(name, std::string("'") + key + "' holds something that is no size");
      }
      result.push_back(item.get<size_t>());
    }
    return result;
  }

  const std::string& where_;
  size_t data_size_;
};

void check_coverage(const HeaderReader& reader, const std::vector<SafetensorsEntry>& entries,
                    size_t data_size) {
  size_t at = 0;
  for (const SafetensorsEntry& entry : entries) {
    if (entry.begin < at) reader.fail(entry.name, "its data overlap another tensor's");
    if (entry.begin > at) reader.fail(entry.name, "a gap of unused bytes lies before its data");
    at = entry.end;
  }
  if (at != data_size) reader.fail("", "the data section is longer than its tensors");
}

}  // namespace

size_t SafetensorsEntry::elements() const {
  size_t product = 1;
  for (const int64_t extent : shape) product *= static_cast<size_t>(extent);
  return product;
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& file) : path_(file), mapped_(file) {
  const std::string where = file.string();
  uint64_t length = 0;
  if (mapped_.size() < sizeof(length)) {
    throw InputError(where, "", "is too short to be a safetensors file", kMend);
  }
  std::memcpy(&length, mapped_.data(), sizeof(length));
  if (length > mapped_.size() - sizeof(length)) {
    throw InputError(where, "header", "its stated length exceeds the file: truncated or corrupt",
                     kMend);
  }
  if (length > kConfigLimits.bytes) {
    throw InputError(where, "header", "is longer than 16 MiB", kMend);
  }
  data_begin_ = sizeof(length) + static_cast<size_t>(length);
  const size_t data_size = mapped_.size() - data_begin_;
  const HeaderReader reader(where, data_size);
  const Json header = parse_json(mapped_.text().substr(sizeof(length), length), where);
  if (!header.is_object()) reader.fail("header", "is no JSON object");
  for (const auto& [name, row] : header.items()) {
    if (name == "__metadata__") {
      metadata_ = reader.metadata(row);
    } else {
      entries_.push_back(reader.entry(name, row));
    }
  }
  std::stable_sort(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  check_coverage(reader, entries_, data_size);
}

std::span<const std::byte> SafetensorsFile::bytes(const SafetensorsEntry& entry) const {
  return mapped_.bytes().subspan(data_begin_ + entry.begin, entry.end - entry.begin);
}

std::string safetensors_header(const std::vector<SafetensorsEntry>& entries,
                               const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  for (const SafetensorsEntry& entry : entries) {
    header[entry.name] = {
        {"dtype", entry.dtype}, {"shape", entry.shape}, {"data_offsets", {entry.begin, entry.end}}};
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const uint64_t length = text.size();
  std::string prefix(sizeof(length), '\0');
  std::memcpy(prefix.data(), &length, sizeof(length));
  return prefix + text;
}

}  // namespace plumb::base
