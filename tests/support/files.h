// What tests do to files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace plumb::tests {

std::string read_text(const std::filesystem::path& file);
void write_text(const std::filesystem::path& file, std::string_view text);

// The paths below `folder`, sorted, relative to it.
std::vector<std::string> list_files(const std::filesystem::path& folder);

// A safetensors file of a header, whatever it says, and data.
std::string safetensors_bytes(std::string_view header, std::string_view data);

// One of many small damages to `data`, chosen by `seed`: cut short, bytes overwritten or flipped, a
// stretch repeated or taken out. Only the first `reach` bytes are touched, but for a cut.
std::string mutate(std::string data, uint64_t seed, size_t reach);

}  // namespace plumb::tests
