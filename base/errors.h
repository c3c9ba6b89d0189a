// The two ways in which a command can end without a verdict.
//
// InputError: the input or the call is wrong. The command line prints its one line and exits
// with 2. Everything else that escapes is an internal fault (exit 3). What ran and differs is no
// error: it is a returned verdict.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

namespace plumb::base {

// At most `limit` bytes of `text` as one line of valid UTF-8: what would break the line, or is no
// UTF-8, is a '?'. Hostile names must not break the promise of one line, nor flood it.
std::string one_line(std::string_view text, size_t limit);

class InputError : public std::runtime_error {
 public:
  // where:   the file, folder or option
  // item:    the key or tensor in it; may be empty
  // problem: what is wrong, with the offending value
  // mend:    what to do about it; may be empty
  InputError(const std::string& where, const std::string& item, const std::string& problem,
             const std::string& mend = {});
  // One that was thrown elsewhere, by its line.
  explicit InputError(const std::string& line) : std::runtime_error(line) {}
};

// A promise of this program that did not hold.
class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

// Throws InternalError naming `promise` unless it holds.
inline void ensure(bool holds, const char* promise) {
  if (!holds) throw InternalError(promise);
}

}  // namespace plumb::base
