#include "base/errors.h"

namespace plumb::base {
namespace {

// Hostile names must not break the promise of one line, nor flood it.
std::string one_line(const std::string& text) {
  constexpr size_t kLimit = 300;
  std::string line;
  for (const char c : text.substr(0, kLimit)) {
    line += (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) ? '?' : c;
  }
  if (text.size() > kLimit) line += "...";
  return line;
}

std::string compose(const std::string& where, const std::string& item, const std::string& problem,
                    const std::string& mend) {
  std::string line = one_line(where);
  if (!item.empty()) line += (line.empty() ? "" : ": ") + one_line(item);
  line += (line.empty() ? "" : ": ") + one_line(problem);
  if (!mend.empty()) line += "; " + one_line(mend);
  return line;
}

}  // namespace

InputError::InputError(const std::string& where, const std::string& item,
                       const std::string& problem, const std::string& mend)
    : std::runtime_error(compose(where, item, problem, mend)) {}

}  // namespace plumb::base
