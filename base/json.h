// Strict JSON: what a config or an index may be, and nothing more lenient.
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace plumb::base {

// What is read: keys sorted, found in logarithmic time.
using Json = nlohmann::json;
// What is written: keys in the author's order.
using OrderedJson = nlohmann::ordered_json;

// Parsed, a byte of JSON can cost thirty of memory: values are counted, not bytes alone.
struct JsonLimits {
  size_t bytes;
  size_t values;
};
// Of a config, an index or a header: the index of the largest published checkpoints takes 9 MB.
inline constexpr JsonLimits kConfigLimits{.bytes = size_t{16} << 20, .values = 1'000'000};

// Parses `text`. Throws InputError naming `where` for bad syntax, a duplicate key in one object,
// nesting deeper than 32, more values than the limit, or a number that float64 cannot hold.
Json parse_json(std::string_view text, const std::string& where,
                const JsonLimits& limits = kConfigLimits);

// Reads and parses a file.
Json read_json_file(const std::filesystem::path& file, const JsonLimits& limits = kConfigLimits);

}  // namespace plumb::base
