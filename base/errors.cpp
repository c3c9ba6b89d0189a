#include "base/errors.h"

#include <cstdint>

namespace plumb::base {
namespace {

constexpr size_t kPathLimit = 4096;
constexpr size_t kTextLimit = 300;
constexpr size_t kMendLimit = 1400;  // a mend may list all that is known

// The length of the UTF-8 sequence that starts at text[at] and may stand in a line of text; 0 for
// a control character, a line separator, or bytes that are no UTF-8.
size_t printable_length(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  if (lead < 0x80) return lead >= 0x20 && lead != 0x7f ? 1 : 0;
  const size_t length = lead >= 0xf0 ? 4 : (lead >= 0xe0 ? 3 : 2);
  if (lead < 0xc2 || lead > 0xf4 || text.size() - at < length) return 0;
  uint32_t code = lead & (0x7fU >> length);
  for (size_t i = at + 1; i < at + length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3fU);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool valid = code >= kLeast[length] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  const bool breaks = code < 0xa0 || code == 0x2028 || code == 0x2029;
  return valid && !breaks ? length : 0;
}

std::string compose(const std::string& where, const std::string& item, const std::string& problem,
                    const std::string& mend) {
  std::string line = one_line(where, kPathLimit);
  if (!item.empty()) line += (line.empty() ? "" : ": ") + one_line(item, kTextLimit);
  line += (line.empty() ? "" : ": ") + one_line(problem, kTextLimit);
  if (!mend.empty()) line += "; " + one_line(mend, kMendLimit);
  return line;
}

}  // namespace

std::string one_line(std::string_view text, size_t limit) {
  std::string line;
  size_t at = 0;
  while (at < text.size()) {
    const size_t length = printable_length(text, at);
    if (line.size() + length > limit) return line + "...";
    line += length > 0 ? text.substr(at, length) : "?";
    at += length > 0 ? length : 1;
  }
  return line;
}

InputError::InputError(const std::string& where, const std::string& item,
                       const std::string& problem, const std::string& mend)
    : std::runtime_error(compose(where, item, problem, mend)) {}

}  // namespace plumb::base
