#include "cli/asking.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/errors.h"
#include "trace/pieces.h"

namespace plumb::cli {
namespace {

using candidates::CannotDo;
using candidates::Outside;
using candidates::Request;
using trace::Prompt;

// Ways of running a prompt that go through an engine's state: few enough for a slow engine.
std::vector<std::string> ways_of(size_t length) {
  std::vector<std::string> ways;
  const auto add = [&](const std::vector<size_t>& pieces) {
    const std::string way = trace::to_text(pieces);
    if (std::find(ways.begin(), ways.end(), way) == ways.end()) ways.push_back(way);
  };
  if (length > 1) {
    const size_t half = length - length / 2;
    std::vector<size_t> decode(length - half + 1, 1);
    decode.front() = half;
    add(std::vector<size_t>(length, 1));
    add(decode);
    add({half, length - half});
    add({1, length - 1});
    add({length - 1, 1});
    for (const size_t size : {2, 7, 64}) {
      if (size < length) add(trace::pieces_of(length, size));
    }
  }
  ways.emplace_back(trace::kBatch);
  ways.emplace_back(trace::kReset);
  return ways;
}

std::vector<std::string> runs_of(const std::vector<Prompt>& prompts, bool state) {
  std::vector<std::string> runs;
  for (const Prompt& prompt : prompts) {
    runs.push_back(prompt.name);
    if (!state) continue;
    for (const std::string& way : ways_of(prompt.tokens.size())) {
      runs.push_back(trace::run_name(prompt.name, way));
    }
  }
  return runs;
}

// The prompts of an answer are those that were asked.
void check_prompts(const Request& request, const trace::Source& source) {
  const std::string& who = source.producer().name;
  for (const Prompt& asked : request.prompts) {
    const std::vector<Prompt> given = source.prompts();
    const auto found = std::ranges::find(given, asked.name, &Prompt::name);
    if (found == given.end()) {
      throw base::InputError(who, "prompts/" + asked.name, "is missing from the engine's trace",
                             "write the token ids of each prompt that was run");
    }
    if (found->tokens != asked.tokens) {
      throw base::InputError(who, "prompts/" + asked.name,
                             "holds other tokens than the engine was asked to run",
                             "run the ids of the request as they are");
    }
  }
}

void note_missing_runs(const Request& request, const trace::Source& source, Answer& answer) {
  std::vector<std::string> missing;
  for (const Prompt& prompt : request.prompts) {
    const std::vector<Prompt> given = source.runs(prompt);
    for (const std::string& run : request.runs) {
      const bool of_prompt = run.starts_with(prompt.name + trace::kRunMark);
      if (of_prompt && std::ranges::find(given, run, &Prompt::name) == given.end()) {
        missing.push_back(run);
      }
    }
  }
  if (missing.empty()) return;
  answer.notes.push_back(fmt::format("asked for and not given: {}", fmt::join(missing, ", ")));
}

}  // namespace

std::vector<std::string> tap_wishes(const std::string& expression) {
  std::vector<std::string> wishes;
  const auto add = [&](const std::string& wish) {
    if (std::find(wishes.begin(), wishes.end(), wish) == wishes.end()) wishes.push_back(wish);
  };
  const auto add_coarse = [&] {
    for (const trace::TapDefinition& tap : trace::kTaps) {
      if (tap.coarse) add(std::string(tap.in_layer ? "layer.*." : "").append(tap.name));
    }
  };
  size_t at = 0;
  while (at < expression.size()) {
    const size_t comma = std::min(expression.find(',', at), expression.size());
    const std::string part = expression.substr(at, comma - at);
    if (part == "coarse") {
      add_coarse();
    } else {
      add(part == "all" ? "*" : part);
    }
    at = comma + 1;
  }
  if (wishes.empty()) add_coarse();
  add("logits");
  return wishes;
}

Answer ask(Outside& engine, Request request, bool state) {
  Answer answer;
  request.runs = runs_of(request.prompts, state);
  while (!answer.source) {
    try {
      answer.source = engine.ask(request);
    } catch (const CannotDo& refusal) {
      if (state && !answer.state_skipped) {
        answer.state_skipped = true;
        answer.notes.push_back(fmt::format("runs in pieces: SKIPPED: {}", refusal.what()));
        request.runs = runs_of(request.prompts, false);
      } else if (request.greedy > 0) {
        answer.notes.push_back(fmt::format("greedy continuation: SKIPPED: {}", refusal.what()));
        request.greedy = 0;
      } else {
        throw;
      }
    }
  }
  check_prompts(request, *answer.source);
  note_missing_runs(request, *answer.source, answer);
  return answer;
}

void skip_state(const std::vector<Prompt>& prompts, result::Result& result) {
  if (!result.state) result.state.emplace();
  for (const Prompt& prompt : prompts) {
    result.state->cells.push_back({.prompt = prompt.name, .run = "in pieces"});
  }
}

}  // namespace plumb::cli
