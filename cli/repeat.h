// The command that repeats what a verb found.
#pragma once

#include <string>
#include <string_view>

#include "cli/judging.h"

namespace plumb::cli {

// As a shell takes it: words in quotes where they need them.
std::string quoted(const std::string& word);

// "plumb check CKPT --candidate C ...", with what differs from the defaults.
std::string repeat_line(std::string_view verb, const CommonOptions& common,
                        const JudgeOptions& options);

}  // namespace plumb::cli
