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

// The index of the largest published checkpoints takes 9 MB.
inline constexpr size_t kJsonSizeLimit = size_t{16} << 20;

// Parses `text`. Throws InputError naming `where` for bad syntax, a duplicate key in one object,
// nesting deeper than 32, more than a million values, or a number that float64 cannot hold.
Json parse_json(std::string_view text, const std::string& where);

// Reads and parses a file of at most kJsonSizeLimit bytes.
Json read_json_file(const std::filesystem::path& file);

}  // namespace plumb::base
