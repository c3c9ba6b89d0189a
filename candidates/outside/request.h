// What an engine that runs by itself is asked for: schema "plumbline.request/1", docs/formats.md.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "base/json.h"
#include "trace/recording.h"

namespace plumb::candidates {

inline constexpr std::string_view kRequestSchema = "plumbline.request/1";

struct Request {
  std::filesystem::path checkpoint;
  int threads = 1;
  std::optional<base::DType> dtype;  // none: as the engine likes
  // Names and globs: wishes. What the engine cannot give it leaves out.
  std::vector<std::string> taps;
  int greedy = 0;
  std::vector<trace::Prompt> prompts;
  // "p0", "p0@7+1x30", "p0@batch", "p0@reset" (trace/recording.h).
  std::vector<std::string> runs;
  int vocab_size = 0;  // not part of what is written
};

base::OrderedJson to_json(const Request& request);

// Throws InputError naming `where` and the key.
Request read_request(const std::filesystem::path& file);

}  // namespace plumb::candidates
