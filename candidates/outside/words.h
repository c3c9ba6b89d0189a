// A command as a shell splits it into words, without a shell.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace plumb::candidates {

// Blanks part words; '...' and "..." hold them together, \ takes the next character as it is
// (inside
// "..." only before ", \, $ and `). Nothing is expanded. Throws InputError naming `who` for a quote
// that does not end, and for no word at all.
std::vector<std::string> split_words(std::string_view command, const std::string& who);

}  // namespace plumb::candidates
