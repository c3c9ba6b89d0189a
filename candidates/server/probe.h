// What can be learnt of a server before it is asked for a prompt.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "candidates/outside/outside.h"
#include "candidates/server/dialect.h"

namespace plumb::candidates {

// Puts a question and reads the answer. Throws InputError where the server refuses it, or where it
// has read another prompt.
Reading put(const Http& http, const Dialect& dialect, const Question& question);
std::vector<Reading> put(const Http& http, const Dialect& dialect,
                         const std::vector<Question>& questions, size_t concurrency);

// The dialect that `options` name, or that the server's own pages tell.
std::unique_ptr<Dialect> find_dialect(const Http& http, const OutsideOptions& options,
                                      const Vocabulary& vocabulary);

struct Granted {
  size_t listed = 0;         // tokens a position; 0: none
  bool prompt_rows = false;  // of the prompt's own positions, too
  std::vector<std::string> notes;
};
// Asks about a few tokens, for `wanted` a position and then for fewer. Throws InputError where
// nothing is answered that can be read.
Granted probe(const Http& http, const Dialect& dialect, std::span<const int64_t> tokens,
              size_t wanted);

}  // namespace plumb::candidates
