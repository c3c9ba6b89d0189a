// exec: and py: a program that is started with a request's file and a trace's, and writes the
// trace.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "candidates/outside/outside.h"

namespace plumb::candidates {

inline constexpr std::string_view kExecPrefix = "exec:";
inline constexpr std::string_view kPythonPrefix = "py:";
// The exit code with which a program says that it cannot do what it was asked (EX_TEMPFAIL).
inline constexpr int kCannotDoCode = 75;

// From what --candidate says. Throws InputError.
std::unique_ptr<Outside> make_program(std::string_view text, double timeout);
// `who` names it in messages; `words` are the command.
std::unique_ptr<Outside> make_program(std::string who, std::vector<std::string> words,
                                      double timeout);

}  // namespace plumb::candidates
