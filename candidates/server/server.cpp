#include "candidates/server/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "base/errors.h"
#include "base/json.h"
#include "candidates/server/probe.h"
#include "candidates/server/recordings.h"

namespace plumb::candidates {
namespace {

using base::InputError;
using trace::Prompt;

constexpr std::string_view kSchemes[] = {"http://", "https://"};
constexpr const char* kKeyVariable = "PLUMB_API_KEY";
constexpr size_t kProbeTokens = 3;
constexpr size_t kMostListed = 256;  // unless more are asked for

// "http://host:8000/v1/" is "http://host:8000".
std::string base_of(std::string address) {
  while (address.ends_with('/')) address.pop_back();
  if (address.ends_with("/v1")) address.resize(address.size() - 3);
  return address;
}

// The precision in which servers compute unless they are told another.
base::DType stated_dtype(const std::filesystem::path& checkpoint) {
  const std::filesystem::path file = checkpoint / "config.json";
  base::Json config;
  if (std::filesystem::is_regular_file(file)) config = base::read_json_file(file);
  for (const char* key : {"dtype", "torch_dtype"}) {
    for (const base::Json& part :
         {config, config.is_object() ? config.value("text_config", base::Json()) : base::Json()}) {
      if (!part.is_object() || !part.contains(key) || !part[key].is_string()) continue;
      const auto dtype = base::dtype_from_torch_name(part[key].get<std::string>());
      if (dtype) return *dtype;
    }
  }
  throw InputError("--dtype", "", "is not given, and the checkpoint's config states none",
                   "name the precision in which the server computes");
}

class Server : public Outside {
 public:
  Server(std::string who, const OutsideOptions& options)
      : who_(std::move(who)), options_(options) {}

  std::unique_ptr<trace::Source> ask(const Request& request) override {
    const bool in_pieces = request.runs.size() > request.prompts.size();
    if (in_pieces) throw CannotDo("a server runs prompts as it likes, not in given pieces");
    notes_.clear();
    const char* const key = std::getenv(kKeyVariable);
    const auto limit = std::chrono::duration_cast<Http::Clock::duration>(
        std::chrono::duration<double>(options_.timeout));
    const Http http(base_of(who_), key == nullptr ? "" : key, Http::Clock::now() + limit);
    const Vocabulary vocabulary(request.checkpoint);
    const auto dialect = find_dialect(http, options_, vocabulary);
    const Granted granted = look(http, *dialect, request);
    const base::DType dtype = request.dtype ? *request.dtype : stated_dtype(request.checkpoint);
    if (!request.dtype) {
      notes_.push_back(
          fmt::format("taken to compute in {}, as the config states; --dtype says "
                      "otherwise",
                      base::torch_name(dtype)));
    }
    auto recordings = std::make_unique<ServerRecordings>(trace::Producer{
        fmt::format("{} server at {}", dialect->name(), http.address()), dtype, ""});
    for (const Prompt& prompt : request.prompts) {
      recordings->add(prompt, rows_of(http, *dialect, prompt, granted),
                      static_cast<size_t>(request.vocab_size), who_);
      if (request.greedy > 0) {
        recordings->add_greedy(prompt.name, continuation(http, *dialect, prompt, request.greedy));
      }
    }
    return recordings;
  }

  std::vector<std::string> notes() const override { return notes_; }

 private:
  Granted look(const Http& http, const Dialect& dialect, const Request& request) {
    if (request.prompts.empty()) throw InputError(who_, "", "is asked for no prompt");
    const auto& longest = std::ranges::max_element(request.prompts, {}, [](const Prompt& prompt) {
                            return prompt.tokens.size();
                          })->tokens;
    const size_t wanted = options_.top_logprobs > 0
                              ? options_.top_logprobs
                              : std::min(kMostListed, static_cast<size_t>(request.vocab_size));
    const Granted granted =
        probe(http, dialect, std::span(longest).first(std::min(kProbeTokens, longest.size())),
              std::min(wanted, static_cast<size_t>(request.vocab_size)));
    notes_.push_back(
        fmt::format("asked as {}: ids are read as sent; {} tokens a position, {}; the temperature "
                    "has no effect",
                    dialect.name(), granted.listed,
                    granted.prompt_rows ? "those of the prompt from one request"
                                        : "each position from a request of its own"));
    notes_.insert(notes_.end(), granted.notes.begin(), granted.notes.end());
    return granted;
  }

  std::vector<Row> rows_of(const Http& http, const Dialect& dialect, const Prompt& prompt,
                           const Granted& granted) const {
    const size_t length = prompt.tokens.size();
    if (granted.listed == 0) return std::vector<Row>(length);
    std::vector<Row> rows;
    if (granted.prompt_rows) {
      Reading reading = put(
          http, dialect, {.tokens = prompt.tokens, .listed = granted.listed, .prompt_rows = true});
      rows = std::move(reading.prompt);
      rows.push_back(std::move(reading.last));
    } else {
      std::vector<Question> questions;
      for (size_t n = 1; n <= length; ++n) {
        questions.push_back(
            {.tokens = std::span(prompt.tokens).first(n), .listed = granted.listed});
      }
      for (Reading& reading : put(http, dialect, questions, options_.concurrency)) {
        rows.push_back(std::move(reading.last));
      }
    }
    check_rows(rows, prompt);
    return rows;
  }

  void check_rows(const std::vector<Row>& rows, const Prompt& prompt) const {
    const auto empty = std::ranges::find_if(rows, [](const Row& row) { return row.empty(); });
    if (rows.size() == prompt.tokens.size() && empty == rows.end()) return;
    throw InputError(
        who_, prompt.name,
        fmt::format("lists no tokens at position {}, and did before", empty - rows.begin()),
        "see that the server is the same all the time");
  }

  // As many tokens as fit; none where the server gives no ids.
  std::vector<int64_t> continuation(const Http& http, const Dialect& dialect, const Prompt& prompt,
                                    int steps) {
    const Question question{.tokens = prompt.tokens, .listed = 1, .generate = steps};
    const HttpQuestion asked = dialect.ask(question);
    const HttpReply reply = http.ask(asked);
    if (reply.status == 400 || reply.status == 422) {
      notes_.push_back(fmt::format("{}: a continuation of {} tokens is refused: {}", prompt.name,
                                   steps, base::one_line(reply.body, 120)));
      return {};
    }
    return put(http, dialect, question).tokens;
  }

  std::string who_;
  OutsideOptions options_;
  std::vector<std::string> notes_;
};

}  // namespace

bool is_server(std::string_view text) {
  return std::ranges::any_of(kSchemes,
                             [&](std::string_view scheme) { return text.starts_with(scheme); });
}

std::unique_ptr<Outside> make_server(std::string_view text, const OutsideOptions& options) {
  return std::make_unique<Server>(std::string(text), options);
}

}  // namespace plumb::candidates
