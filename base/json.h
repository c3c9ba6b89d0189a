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

// Parses `text`. Throws InputError naming `where` for bad syntax, a duplicate key in one object,
// nesting deeper than 32, or a number that float64 cannot hold.
Json parse_json(std::string_view text, const std::string& where);

// What a config or an index may weigh.
inline constexpr size_t kConfigSizeLimit = size_t{8} << 20;

// Reads and parses a file of at most `size_limit` bytes, a whole number of MiB.
Json read_json_file(const std::filesystem::path& file, size_t size_limit = kConfigSizeLimit);

}  // namespace plumb::base
