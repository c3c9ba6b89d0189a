#include "candidates/server/probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/errors.h"

namespace plumb::candidates {
namespace {

using base::InputError;

constexpr base::JsonLimits kLimits{.bytes = Http::kMostBytes, .values = 50'000'000};
// What servers grant when they do not grant all.
constexpr size_t kUsualLimits[] = {100, 20, 11, 10, 5, 1};

base::Json parse(const HttpReply& reply, const std::string& where) {
  try {
    return base::parse_json(reply.body, where, kLimits);
  } catch (const InputError& error) {
    throw InputError(where, "", "does not answer in JSON", error.what());
  }
}

[[noreturn]] void refuse(const HttpReply& reply, const std::string& where) {
  std::string mend = "see --dialect, --served-model and --top-logprobs";
  if (reply.status == 401 || reply.status == 403) mend = "put the server's key into PLUMB_API_KEY";
  throw InputError(where, fmt::format("status {}", reply.status),
                   "the server refuses: " + base::one_line(reply.body, 200), mend);
}

void check_prompt(const Reading& reading, const Question& question, const std::string& where) {
  const auto asked = static_cast<int64_t>(question.tokens.size());
  if (reading.prompt_tokens && *reading.prompt_tokens != asked) {
    throw InputError(
        where, "",
        fmt::format("has read {} tokens where {} ids were sent", *reading.prompt_tokens, asked),
        "the server must take token ids as they are, with no token added");
  }
  if (!reading.prompt_ids.empty() && !std::ranges::equal(reading.prompt_ids, question.tokens)) {
    throw InputError(where, "", "has read other ids than were sent",
                     "the server must take token ids as they are, with no token added");
  }
  if (!reading.prompt.empty() && reading.prompt.size() + 1 != question.tokens.size()) {
    throw InputError(
        where, "",
        fmt::format("lists {} positions of a prompt of {}", reading.prompt.size(), asked),
        "see --dialect");
  }
}

Reading read(const Dialect& dialect, const HttpReply& reply, const Question& question,
             const std::string& where) {
  if (!reply.ok()) refuse(reply, where);
  const base::Json json = parse(reply, where);
  Reading reading = dialect.read(Field(json, where), question);
  check_prompt(reading, question, where);
  return reading;
}

std::optional<base::Json> page(const Http& http, const char* path) {
  const HttpReply reply = http.ask({path, ""});
  if (!reply.ok()) return std::nullopt;
  try {
    return base::parse_json(reply.body, path, kLimits);
  } catch (const InputError&) {
    return std::nullopt;
  }
}

// The names of /v1/models, and who owns the first.
struct Models {
  std::vector<std::string> names;
  std::string owner;
};

Models list_models(const Http& http) {
  Models models;
  const auto json = page(http, "/v1/models");
  if (!json || !json->is_object() || !json->value("data", base::Json()).is_array()) return models;
  for (const base::Json& model : (*json)["data"]) {
    if (!model.is_object()) continue;
    models.names.push_back(model.value("id", std::string()));
    if (models.owner.empty()) models.owner = model.value("owned_by", std::string());
  }
  return models;
}

std::string find_name(const Http& http, const Models& models) {
  for (const auto& [owner, dialect] :
       {std::pair{"vllm", "vllm"}, std::pair{"llamacpp", "llama.cpp"},
        std::pair{"sglang", "sglang"}}) {
    if (models.owner == owner) return dialect;
  }
  if (page(http, "/get_model_info")) return "sglang";
  const auto properties = page(http, "/props");
  if (properties && properties->is_object() &&
      properties->contains("default_generation_settings")) {
    return "llama.cpp";
  }
  const auto info = page(http, "/info");
  if (info && info->is_object() && info->contains("model_id")) return "tgi";
  return "openai";
}

// Do the same tokens have the same numbers, but for the last digits?
bool are_alike(const Row& a, const Row& b) {
  return std::ranges::all_of(a, [&](const auto& entry) {
    const auto found = std::ranges::find(b, entry.first, &Row::value_type::first);
    return found == b.end() || std::abs(found->second - entry.second) < 1e-3;
  });
}

}  // namespace

Reading put(const Http& http, const Dialect& dialect, const Question& question) {
  return put(http, dialect, {question}, 1).front();
}

std::vector<Reading> put(const Http& http, const Dialect& dialect,
                         const std::vector<Question>& questions, size_t concurrency) {
  std::vector<HttpQuestion> all;
  for (const Question& question : questions) all.push_back(dialect.ask(question));
  const std::vector<HttpReply> replies = http.ask(all, concurrency);
  std::vector<Reading> readings;
  for (size_t i = 0; i < replies.size(); ++i) {
    readings.push_back(read(dialect, replies[i], questions[i], http.address() + all[i].path));
  }
  return readings;
}

std::unique_ptr<Dialect> find_dialect(const Http& http, const OutsideOptions& options,
                                      const Vocabulary& vocabulary) {
  std::string name = options.dialect;
  std::string model = options.served_model;
  const bool may_need_model = name == kAutoDialect || name == "vllm" || name == "openai";
  const Models models = may_need_model ? list_models(http) : Models{};
  if (name == kAutoDialect) name = find_name(http, models);
  if (name == "llama.cpp") return make_llama_cpp();
  if (name == "sglang") return make_sglang();
  if (name == "tgi") return make_tgi(vocabulary);
  if (model.empty() && models.names.size() > 1) {
    std::string all;
    for (const std::string& one : models.names) all += (all.empty() ? "" : ", ") + one;
    throw InputError(http.address() + "/v1/models", "", "serves several models: " + all,
                     "choose one with --served-model");
  }
  if (model.empty() && !models.names.empty()) model = models.names.front();
  return name == "vllm" ? make_vllm(model, vocabulary) : make_openai(model, vocabulary);
}

Granted probe(const Http& http, const Dialect& dialect, std::span<const int64_t> tokens,
              size_t wanted) {
  std::vector<size_t> numbers = {wanted};
  for (const size_t limit : kUsualLimits) {
    if (limit < wanted) numbers.push_back(limit);
  }
  Question question{.tokens = tokens, .prompt_rows = dialect.has_prompt_rows()};
  Granted granted;
  std::optional<Reading> reading;
  while (!reading) {
    for (const size_t number : numbers) {
      question.listed = number;
      const HttpQuestion asked = dialect.ask(question);
      const HttpReply reply = http.ask(asked);
      const bool is_last = number == numbers.back() && !question.prompt_rows;
      if (!reply.ok() && (reply.status == 400 || reply.status == 422) && !is_last) continue;
      reading = read(dialect, reply, question, http.address() + asked.path);
      break;
    }
    if (!reading) question.prompt_rows = false;  // perhaps these are refused
  }
  granted.listed = std::min(question.listed, reading->last.size());
  granted.prompt_rows = !reading->prompt.empty();
  if (granted.listed == 0) {
    granted.notes.emplace_back("no log-probabilities are given: tokens alone are judged");
    return granted;
  }
  if (granted.listed < wanted) {
    granted.notes.push_back(
        fmt::format("of {} tokens asked for a position, {} are granted", wanted, granted.listed));
  }
  question.prompt_rows = false;
  question.listed = granted.listed;
  question.temperature = 1.0;
  const Row cool = put(http, dialect, question).last;
  question.temperature = 2.0;
  if (!are_alike(cool, put(http, dialect, question).last)) {
    throw InputError(http.address(), "", "gives other log-probabilities at another temperature",
                     "have it report those before sampling (vLLM: --logprobs-mode raw_logprobs)");
  }
  return granted;
}

}  // namespace plumb::candidates
