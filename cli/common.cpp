#include "cli/common.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdio>

#include "base/errors.h"
#include "base/files.h"
#include "fixtures/quantize/recipes.h"
#include "graph/builder.h"
#include "graph/lengths.h"

namespace plumb::cli {

using base::InputError;

void CommonOptions::add_checkpoint(CLI::App& verb) {
  verb.add_option("CHECKPOINT", checkpoint, "checkpoint folder, or a .gguf file")->required();
  add_allow_key(verb);
  verb.add_option("--adapter", adapter,
                  "folder of a LoRA in PEFT's layout, applied to the weights");
}

void CommonOptions::add_allow_key(CLI::App& verb) {
  verb.add_option("--allow-key", allowed_keys,
                  "let this config key pass although the model type does not read it")
      ->allow_extra_args(false);  // one a time, or it would swallow the checkpoint
}

void CommonOptions::add_threads(CLI::App& verb) {
  verb.add_option("--threads", threads, "threads; 0: one a core")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
}

LoadedModel::LoadedModel(const std::filesystem::path& folder,
                         const std::set<std::string>& allowed_keys,
                         const std::filesystem::path& adapter)
    : checkpoint(folder, allowed_keys, adapter),
      config(model::read_config(checkpoint, allowed_keys)),
      graph(graph::build(config.spec)),
      weights(checkpoint, graph.weights, config.names) {}

void write_text(const std::string& target, const std::string& text) {
  if (target != "-") return base::write_file(target, text);
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (!written || std::fflush(stdout) != 0) {
    throw InputError("standard output", "", "cannot be written", "check where it leads");
  }
}

trace::TapFilter parse_taps(const std::string& expression, const graph::Graph& graph) {
  trace::TapFilter filter(expression);
  std::vector<trace::Tap> taps = graph.taps();
  const std::vector<trace::Tap> state = graph.state_taps();
  taps.insert(taps.end(), state.begin(), state.end());
  const auto idle = expression.empty() ? expression : filter.idle_pattern(taps);
  if (idle) {
    throw InputError("--taps", *idle, "matches no tap of this model",
                     "write all, coarse, logits, or globs such as layer.*.out");
  }
  return filter;
}

std::string format_names() {
  std::string names;
  for (const fixtures::Recipe& recipe : fixtures::recipes()) {
    names += (names.empty() ? "" : ", ") + std::string(recipe.name);
  }
  return names + ", gguf:TYPE (gguf:Q4_K_M, gguf:Q8_0, gguf:F32, ...)";
}

CLI::Validator whole_number() {
  const auto check = [](std::string& text) -> std::string {
    uint64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [next, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || next != end) return "'" + text + "' is not in 0..2^64-1";
    text = std::to_string(value);  // CLI11 would read "010" as octal
    return "";
  };
  return {check, "UINT"};
}

std::vector<int64_t> parse_tokens(const std::string& text) {
  std::vector<int64_t> tokens;
  const char* at = text.data();
  const char* end = at + text.size();
  while (true) {
    int64_t token = 0;
    const auto [next, error] = std::from_chars(at, end, token);
    if (error != std::errc() || (next != end && *next != ',')) {
      throw InputError("--tokens", text, "is no list of token ids", "write them as 1,2,3");
    }
    tokens.push_back(token);
    if (next == end) return tokens;
    at = next + 1;
  }
}

void check_tokens(const std::string& where, const std::string& prompt,
                  const std::vector<int64_t>& tokens, const graph::Graph& graph) {
  for (const int64_t token : tokens) {
    if (token < 0 || token >= graph.vocab_size) {
      throw InputError(where, prompt, fmt::format("token id {} lies outside the vocabulary", token),
                       fmt::format("ids of this model are 0..{}", graph.vocab_size - 1));
    }
  }
  const size_t most = graph::table_positions(graph);
  if (most > 0 && tokens.size() > most) {
    throw InputError(where, prompt, fmt::format("has {} tokens", tokens.size()),
                     fmt::format("the model's table of positions has rows for {}", most));
  }
}

}  // namespace plumb::cli
