// Engines outside of this program: they are asked for all prompts and runs at once, and what they
// answer is a trace.
//
//   exec:COMMAND                 a program: COMMAND REQUEST TRACE
//   py:MODULE                    exec:python3 -m MODULE; py:NAME is py:plumbline.engines.NAME
//   plugin:FILE.so[:OPTIONS]     a library with the C interface of plumbline/engine.h
//   http://, https://            a server (candidates/server/server.h)
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "candidates/outside/request.h"
#include "trace/recording.h"

namespace plumb::candidates {

// The engine says that it cannot do what it was asked for: what was to be judged is skipped.
class CannotDo : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Outside {
 public:
  virtual ~Outside() = default;

  // Throws CannotDo, and InputError where the engine fails, takes too long, or answers nonsense.
  virtual std::unique_ptr<trace::Source> ask(const Request& request) = 0;
  // What a reader of the result must know of the last answer: what was asked, and what was seen.
  virtual std::vector<std::string> notes() const { return {}; }
};

inline constexpr const char* kAutoDialect = "auto";

struct OutsideOptions {
  double timeout = 600.0;  // seconds that answering may take
  // Of servers.
  std::string dialect = kAutoDialect;  // vllm, openai, llama.cpp, sglang, tgi
  std::string served_model;            // empty: the only one
  size_t top_logprobs = 0;             // tokens a position; 0: as many as are of use
  size_t concurrency = 4;
};

}  // namespace plumb::candidates
