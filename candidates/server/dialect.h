// How servers are asked for log-probabilities, and how they answer: one dialect each.
//
// Sources: docs/formats.md, "Servers".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "candidates/server/field.h"
#include "candidates/server/http.h"
#include "candidates/server/vocabulary.h"

namespace plumb::candidates {

// What is asked about one prompt.
struct Question {
  std::span<const int64_t> tokens;
  size_t listed = 0;         // tokens a position
  bool prompt_rows = false;  // of the prompt's own positions, too
  int generate = 1;
  double temperature = 0.0;
};

// Tokens listed at one position, and their log-probabilities.
using Row = std::vector<std::pair<int64_t, double>>;

struct Reading {
  std::vector<Row> prompt;      // of all positions but the last; empty: the server gives none
  Row last;                     // of the last position
  std::vector<int64_t> tokens;  // generated
  std::optional<int64_t> prompt_tokens;  // as many the server says it has read
  std::vector<int64_t> prompt_ids;       // those it says it has read; empty: it does not say
};

class Dialect {
 public:
  virtual ~Dialect() = default;

  virtual std::string_view name() const = 0;
  // May prompt rows be asked for?
  virtual bool has_prompt_rows() const = 0;
  // Throws InputError where the prompt cannot be said.
  virtual HttpQuestion ask(const Question& question) const = 0;
  // Throws InputError naming what the answer lacks.
  virtual Reading read(const Field& answer, const Question& question) const = 0;
};

// vLLM: /v1/completions with prompt_logprobs (vllm/entrypoints/openai, 0.32).
std::unique_ptr<Dialect> make_vllm(const std::string& served_model, const Vocabulary& vocabulary);
// Plain OpenAI completions; prompt rows by `echo`.
std::unique_ptr<Dialect> make_openai(const std::string& served_model, const Vocabulary& vocabulary);
// llama.cpp's server: /completion (tools/server/README.md, b11434).
std::unique_ptr<Dialect> make_llama_cpp();
// SGLang: /generate (docs/basic_usage/native_api).
std::unique_ptr<Dialect> make_sglang();
// Text Generation Inference: /generate with details; takes text alone.
std::unique_ptr<Dialect> make_tgi(const Vocabulary& vocabulary);

}  // namespace plumb::candidates
