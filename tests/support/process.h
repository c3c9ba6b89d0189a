// Running the `plumb` binary as a person or a script would, and measuring what it took.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace plumb::tests {

struct Outcome {
  int exit_code = -1;  // 128 + the signal where one ended it
  std::string out;
  std::string err;
  double seconds = 0.0;
  size_t peak_bytes = 0;  // largest resident size, children included
};

std::string plumb_binary();

// Runs `plumb ARGUMENTS` in `folder`, with nothing on its standard input.
Outcome run_plumb(const std::vector<std::string>& arguments, const std::filesystem::path& folder);

// True where a sanitizer's own memory makes sizes meaningless.
bool is_sanitized();

}  // namespace plumb::tests
