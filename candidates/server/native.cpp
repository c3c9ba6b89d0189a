// Servers with an interface of their own: llama.cpp, SGLang, TGI.
#include "base/errors.h"
#include "candidates/server/dialect.h"

namespace plumb::candidates {
namespace {

using base::OrderedJson;

std::vector<int64_t> copy(std::span<const int64_t> tokens) {
  return {tokens.begin(), tokens.end()};
}

class LlamaCpp : public Dialect {
 public:
  std::string_view name() const override { return "llama.cpp"; }
  bool has_prompt_rows() const override { return false; }

  HttpQuestion ask(const Question& question) const override {
    OrderedJson body;
    body["prompt"] = copy(question.tokens);
    body["n_predict"] = question.generate;
    body["n_probs"] = question.listed;
    body["temperature"] = question.temperature;
    body["cache_prompt"] = false;
    body["return_tokens"] = true;
    return {"/completion", body.dump()};
  }

  Reading read(const Field& answer, const Question&) const override {
    Reading reading;
    if (answer.has("tokens_evaluated")) {
      reading.prompt_tokens = answer["tokens_evaluated"].integer();
    }
    if (answer.has("tokens")) {
      const Field tokens = answer["tokens"];
      for (size_t i = 0; i < tokens.size(); ++i) reading.tokens.push_back(tokens[i].integer());
    }
    if (!answer.has("completion_probabilities")) return reading;
    const Field rows = answer["completion_probabilities"];
    if (rows.size() == 0) return reading;
    const Field listed = rows[size_t{0}]["top_logprobs"];
    for (size_t i = 0; i < listed.size(); ++i) {
      // The logarithm of a probability that float32 does not hold is given as the lowest float.
      constexpr double kUnderflow = -1e30;
      const double logprob = listed[i]["logprob"].number();
      if (logprob > kUnderflow) reading.last.emplace_back(listed[i]["id"].integer(), logprob);
    }
    return reading;
  }
};

class SgLang : public Dialect {
 public:
  std::string_view name() const override { return "sglang"; }
  bool has_prompt_rows() const override { return true; }

  HttpQuestion ask(const Question& question) const override {
    OrderedJson body;
    body["input_ids"] = copy(question.tokens);
    body["sampling_params"] = {{"max_new_tokens", question.generate},
                               {"temperature", question.temperature},
                               {"ignore_eos", true}};
    body["return_logprob"] = true;
    // From the first position on, or from the last: its row is always asked for.
    body["logprob_start_len"] = question.prompt_rows ? 0 : -1;
    body["top_logprobs_num"] = question.listed;
    return {"/generate", body.dump()};
  }

  Reading read(const Field& answer, const Question& question) const override {
    Reading reading;
    const Field meta = answer["meta_info"];
    if (meta.has("prompt_tokens")) reading.prompt_tokens = meta["prompt_tokens"].integer();
    const Field output = meta["output_token_logprobs"];
    for (size_t i = 0; i < output.size(); ++i) reading.tokens.push_back(output[i][1].integer());
    if (question.prompt_rows) read_prompt(meta, question, reading);
    if (question.listed > 0) reading.last = row_of(meta["output_top_logprobs"][size_t{0}]);
    return reading;
  }

 private:
  // As vLLM's: entry i is of position i - 1, the first is empty.
  static void read_prompt(const Field& meta, const Question& question, Reading& reading) {
    if (meta.has("input_token_logprobs")) {
      const Field own = meta["input_token_logprobs"];
      for (size_t i = 0; i < own.size(); ++i) reading.prompt_ids.push_back(own[i][1].integer());
    }
    if (!meta.has("input_top_logprobs") || meta["input_top_logprobs"].is_null()) return;
    const Field rows = meta["input_top_logprobs"];
    if (rows.size() != question.tokens.size()) {
      rows.fail("has " + std::to_string(rows.size()) + " entries for a prompt of " +
                std::to_string(question.tokens.size()));
    }
    for (size_t i = 1; i < rows.size(); ++i) reading.prompt.push_back(row_of(rows[i]));
  }

  static Row row_of(const Field& entries) {
    Row row;
    for (size_t i = 0; i < entries.size(); ++i) {
      row.emplace_back(entries[i][1].integer(), entries[i][size_t{0}].number());
    }
    return row;
  }
};

class Tgi : public Dialect {
 public:
  explicit Tgi(const Vocabulary& vocabulary) : vocabulary_(vocabulary) {}

  std::string_view name() const override { return "tgi"; }
  bool has_prompt_rows() const override { return false; }

  HttpQuestion ask(const Question& question) const override {
    const auto text = vocabulary_.text_of(question.tokens);
    if (!text) {
      throw base::InputError("--dialect tgi", "",
                             "the server takes text, and the checkpoint cannot say these tokens",
                             "give the checkpoint a tokenizer.json that has them");
    }
    OrderedJson parameters;
    parameters["max_new_tokens"] = question.generate;
    parameters["details"] = true;
    parameters["decoder_input_details"] = true;
    parameters["do_sample"] = false;
    if (question.listed > 0) parameters["top_n_tokens"] = question.listed;
    OrderedJson body;
    body["inputs"] = *text;
    body["parameters"] = std::move(parameters);
    return {"/generate", body.dump()};
  }

  Reading read(const Field& answer, const Question& question) const override {
    Reading reading;
    const Field details = (answer.size() > 0 ? answer[size_t{0}] : answer)["details"];
    const Field prefill = details["prefill"];
    for (size_t i = 0; i < prefill.size(); ++i) {
      reading.prompt_ids.push_back(prefill[i]["id"].integer());
    }
    if (reading.prompt_ids.empty()) prefill.fail("does not say how the prompt was read");
    const Field tokens = details["tokens"];
    for (size_t i = 0; i < tokens.size(); ++i) reading.tokens.push_back(tokens[i]["id"].integer());
    if (question.listed == 0 || !details.has("top_tokens")) return reading;
    const Field listed = details["top_tokens"][size_t{0}];
    for (size_t i = 0; i < listed.size(); ++i) {
      reading.last.emplace_back(listed[i]["id"].integer(), listed[i]["logprob"].number());
    }
    return reading;
  }

 private:
  const Vocabulary& vocabulary_;
};

}  // namespace

std::unique_ptr<Dialect> make_llama_cpp() {
  return std::make_unique<LlamaCpp>();
}

std::unique_ptr<Dialect> make_sglang() {
  return std::make_unique<SgLang>();
}

std::unique_ptr<Dialect> make_tgi(const Vocabulary& vocabulary) {
  return std::make_unique<Tgi>(vocabulary);
}

}  // namespace plumb::candidates
