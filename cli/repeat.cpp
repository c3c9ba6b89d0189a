#include "cli/repeat.h"

namespace plumb::cli {

std::string quoted(const std::string& word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:#=+,@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? "'\\''" : std::string(1, c);
  return text + "'";
}

std::string repeat_line(std::string_view verb, const CommonOptions& common,
                        const JudgeOptions& options) {
  const JudgeOptions defaults;
  std::string line = "plumb " + std::string(verb) + " " + quoted(common.checkpoint) +
                     " --candidate " + quoted(options.candidate);
  const auto add = [&](const char* option, const std::string& value) {
    line += std::string(" ") + option + " " + quoted(value);
  };
  if (!options.oracle.empty()) add("--oracle", options.oracle);
  if (!options.contract.empty()) add("--contract", options.contract);
  if (options.taps != defaults.taps) add("--taps", options.taps);
  if (options.greedy_steps != defaults.greedy_steps) {
    add("--greedy", std::to_string(options.greedy_steps));
  }
  if (options.state_matrix) line += " --state";
  if (!options.dtype.empty()) add("--dtype", options.dtype);
  const candidates::OutsideOptions& outside = options.outside;
  if (outside.dialect != defaults.outside.dialect) add("--dialect", outside.dialect);
  if (!outside.served_model.empty()) add("--served-model", outside.served_model);
  if (outside.top_logprobs != 0) add("--top-logprobs", std::to_string(outside.top_logprobs));
  if (outside.timeout != defaults.outside.timeout) {
    add("--timeout", std::to_string(outside.timeout));
  }
  if (!common.adapter.empty()) add("--adapter", common.adapter);
  for (const std::string& key : common.allowed_keys) add("--allow-key", key);
  return line;
}

}  // namespace plumb::cli
