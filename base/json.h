// Strict JSON: what a config or an index may be, and nothing more lenient.
#pragma once

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

// Reads and parses a file of at most 8 MiB.
Json read_json_file(const std::filesystem::path& file);

}  // namespace plumb::base
