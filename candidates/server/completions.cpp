#include <charconv>

#include "base/errors.h"
#include "candidates/server/dialect.h"

namespace plumb::candidates {
namespace {

using base::OrderedJson;

int64_t id_of_key(const std::string& key, const Field& field) {
  int64_t id = 0;
  const char* end = key.data() + key.size();
  const auto [next, error] = std::from_chars(key.data(), end, id);
  if (error != std::errc() || next != end) field.fail("names a token '" + key.substr(0, 40) + "'");
  return id;
}

class Completions : public Dialect {
 public:
  Completions(bool is_vllm, std::string served_model, const Vocabulary& vocabulary)
      : is_vllm_(is_vllm), served_model_(std::move(served_model)), vocabulary_(vocabulary) {}

  std::string_view name() const override { return is_vllm_ ? "vllm" : "openai"; }
  bool has_prompt_rows() const override { return true; }

  HttpQuestion ask(const Question& question) const override {
    OrderedJson body;
    body["model"] = served_model_;
    body["prompt"] = std::vector<int64_t>(question.tokens.begin(), question.tokens.end());
    body["max_tokens"] = question.generate;
    body["temperature"] = question.temperature;
    if (question.listed > 0) body["logprobs"] = question.listed;
    if (is_vllm_) {
      body["return_tokens_as_token_ids"] = true;
      body["ignore_eos"] = true;
      if (question.prompt_rows) body["prompt_logprobs"] = question.listed;
    } else if (question.prompt_rows) {
      body["echo"] = true;
    }
    return {"/v1/completions", body.dump()};
  }

  Reading read(const Field& answer, const Question& question) const override {
    Reading reading;
    const Field choice = answer["choices"][size_t{0}];
    if (answer.has("usage") && answer["usage"].has("prompt_tokens")) {
      reading.prompt_tokens = answer["usage"]["prompt_tokens"].integer();
    }
    if (is_vllm_ && question.prompt_rows) read_prompt(choice, question, reading);
    if (!choice.has("logprobs") || choice["logprobs"].is_null()) return reading;
    const Field logprobs = choice["logprobs"];
    // With `echo` the prompt's positions stand before those generated.
    const Field texts = logprobs["tokens"];
    const bool echoed = !is_vllm_ && question.prompt_rows && texts.size() > question.tokens.size();
    const size_t first = echoed ? question.tokens.size() : 0;
    for (size_t i = first; i < texts.size(); ++i) {
      const auto id = vocabulary_.id_of(texts[i].text());
      if (!id) break;
      reading.tokens.push_back(*id);
    }
    if (!logprobs.has("top_logprobs") || logprobs["top_logprobs"].is_null()) return reading;
    const Field rows = logprobs["top_logprobs"];
    for (size_t i = 1; echoed && i < first; ++i) reading.prompt.push_back(row_of(rows[i]));
    if (rows.size() > first) reading.last = row_of(rows[first]);
    return reading;
  }

 private:
  // Entry i is of position i - 1, and has the token that stands at i beside the best.
  static void read_prompt(const Field& choice, const Question& question, Reading& reading) {
    if (!choice.has("prompt_logprobs") || choice["prompt_logprobs"].is_null()) return;
    const Field rows = choice["prompt_logprobs"];
    if (rows.size() != question.tokens.size()) {
      rows.fail("has " + std::to_string(rows.size()) + " entries for a prompt of " +
                std::to_string(question.tokens.size()));
    }
    for (size_t i = 1; i < rows.size(); ++i) {
      Row row;
      bool has_own = false;
      for (const auto& [key, entry] : rows[i].object().items()) {
        row.emplace_back(id_of_key(key, rows[i]), rows[i].value_of(key)["logprob"].number());
        has_own |= row.back().first == question.tokens[i];
      }
      if (!has_own) rows[i].fail("does not list the prompt's own token: it was read otherwise");
      reading.prompt.push_back(std::move(row));
    }
  }

  Row row_of(const Field& field) const {
    Row row;
    for (const auto& [key, value] : field.object().items()) {
      const auto id = vocabulary_.id_of(key);
      if (!id) {
        field.fail("names a token by the text '" + base::one_line(key, 40) +
                   "', which is not the text of one token in the checkpoint's tokenizer.json");
      }
      row.emplace_back(*id, field.value_of(key).number());
    }
    return row;
  }

  bool is_vllm_;
  std::string served_model_;
  const Vocabulary& vocabulary_;
};

}  // namespace

std::unique_ptr<Dialect> make_vllm(const std::string& served_model, const Vocabulary& vocabulary) {
  return std::make_unique<Completions>(true, served_model, vocabulary);
}

std::unique_ptr<Dialect> make_openai(const std::string& served_model,
                                     const Vocabulary& vocabulary) {
  return std::make_unique<Completions>(false, served_model, vocabulary);
}

}  // namespace plumb::candidates
