// http:// and https:// a server that gives log-probabilities of its best tokens, or tokens alone.
//
// Three tokens are asked for first: which dialect is spoken, are ids honoured, how many tokens are
// listed a position, has the temperature no effect. Then each prompt: once, where the prompt's own
// positions come with it; else once for each of its beginnings; then its greedy continuation.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "candidates/outside/outside.h"

namespace plumb::candidates {

bool is_server(std::string_view text);

// The key comes from PLUMB_API_KEY. Throws InputError where `text` is no address, or the dialect
// none.
std::unique_ptr<Outside> make_server(std::string_view text, const OutsideOptions& options);

}  // namespace plumb::candidates
