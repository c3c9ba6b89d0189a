#include "fixtures/synth.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/errors.h"
#include "base/files.h"
#include "cli/common.h"
#include "cli/verbs.h"
#include "fixtures/gguf/write.h"
#include "fixtures/presets.h"

namespace plumb::cli {
namespace {

struct Options {
  CommonOptions common;
  std::string family;
  std::string folder;
  std::string preset;
  std::string config_file;
  std::vector<std::string> settings;
  std::string format;  // empty: as the config declares
  uint64_t seed = 0;
  uint64_t max_shard_size = uint64_t{1} << 30;
  int64_t tied_tokens = 0;
};

// KEY=VALUE with a JSON value; what is no JSON is a text.
void apply_setting(base::Json& config, const std::string& setting) {
  const size_t equals = setting.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw base::InputError("--set", setting, "is not KEY=VALUE", "write num_hidden_layers=3");
  }
  if (base::one_line(setting, setting.size()) != setting) {
    throw base::InputError("--set", setting, "holds what is no text", "write printable UTF-8");
  }
  const std::string key = setting.substr(0, equals);
  const std::string text = setting.substr(equals + 1);
  config[key] =
      base::Json::accept(text) ? base::parse_json(text, "--set " + key) : base::Json(text);
}

// Groups of quantised weights want wider rows than the smallest preset has.
std::string preset_of(const Options& options) {
  if (!options.preset.empty()) return options.preset;
  return options.format.empty() ? "tiny" : "tiny-quantized";
}

base::Json make_config(const Options& options) {
  base::Json config;
  if (options.config_file.empty()) {
    config = fixtures::preset_config(options.family, preset_of(options));
  } else {
    config = base::read_json_file(options.config_file);
    if (!config.is_object()) {
      throw base::InputError(options.config_file, "", "is no JSON object",
                             "write a config as {\"key\": value}");
    }
    const base::Json type = config.value("model_type", base::Json(options.family));
    if (type != options.family) {
      throw base::InputError(options.config_file, "model_type", "is " + type.dump(),
                             "name that family, not " + options.family);
    }
    config = fixtures::complete_config(std::move(config), options.family);
  }
  for (const std::string& setting : options.settings) apply_setting(config, setting);
  return config;
}

void show_progress(uint64_t done, uint64_t total) {
  constexpr int kWidth = 40;
  const double share = static_cast<double>(done) / static_cast<double>(total);
  const int filled = static_cast<int>(share * kWidth);
  fmt::print(stderr, "\r[{:=<{}}{: <{}}] {:5.1f}% of {:.2f} GB{}", "", filled, "", kWidth - filled,
             100.0 * share, static_cast<double>(total) / 1e9, done == total ? "\n" : "");
  std::fflush(stderr);
}

// By way of a plain checkpoint, in a folder that goes.
void write_gguf(const Options& options, const fixtures::SynthOptions& synth,
                const std::string& format, const base::Threads& threads) {
  const base::TemporaryFolder scratch;
  fixtures::synthesize(synth, scratch.path() / "plain", threads);
  const LoadedModel model(scratch.path() / "plain");
  fixtures::write_gguf(model.config.spec, model.weights, format, options.folder);
}

// A key that was set by hand is meant to have an effect.
void check_settings(const Options& options, const fixtures::SynthOptions& synth) {
  const model::ModelConfig model =
      model::read_config(synth.config, synth.where, synth.allowed_keys);
  for (const std::string& setting : options.settings) {
    const std::string key = setting.substr(0, setting.find('='));
    if (std::count(model.unread_keys.begin(), model.unread_keys.end(), key) == 0) continue;
    throw base::InputError("--set", key, "is a key that this model type does not read",
                           "take it out, or pass --allow-key " + key + " if it is meant");
  }
}

int run(const Options& options) {
  const base::Threads threads(options.common.threads);
  const std::string& file = options.config_file;
  fixtures::SynthOptions synth{.config = make_config(options),
                               .where = file.empty() ? "--set" : file,
                               .allowed_keys = options.common.allowed(),
                               .seed = options.seed,
                               .max_shard_size = options.max_shard_size,
                               .tied_tokens = options.tied_tokens};
  check_settings(options, synth);
  if (::isatty(STDERR_FILENO) != 0) synth.progress = show_progress;
  if (const auto format = fixtures::gguf_format(options.format)) {
    write_gguf(options, synth, *format, threads);
    return 0;
  }
  synth.recipe = options.format.empty() ? fixtures::recipe_of(synth.config)
                                        : &fixtures::find_recipe(options.format);
  fixtures::synthesize(synth, options.folder, threads);
  return 0;
}

}  // namespace

void add_synth(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("synth", "write a synthetic checkpoint");
  verb->footer(
      "Example: plumb synth qwen3 --preset tiny --seed 7 --set num_hidden_layers=3 -o /tmp/qwen3");
  auto options = std::make_shared<Options>();
  verb->add_option("FAMILY", options->family, "model_type of the family")->required();
  verb->add_option("-o,--output", options->folder, "folder to write, or .gguf file")->required();
  verb->add_option("--preset", options->preset,
                   "tiny (unless quantised), tiny-quantized, small (160M), medium (0.6B), large "
                   "(1.7B), hybrid");
  verb->add_option("--config", options->config_file, "config.json to use instead of a preset");
  verb->add_option("--set", options->settings, "KEY=VALUE put into the config; VALUE is JSON")
      ->allow_extra_args(false);
  verb->add_option("--quantize", options->format,
                   "how matrices are stored: " + format_names() + "; else as the config declares");
  verb->add_option("--seed", options->seed, "seed of the weights")
      ->check(whole_number())
      ->capture_default_str();
  verb->add_option("--max-shard-size", options->max_shard_size, "bytes of tensors in a shard")
      ->check(whole_number())
      ->capture_default_str();
  verb->add_option("--ties", options->tied_tokens,
                   "so many tokens get the head's rows of the first ones: exact ties")
      ->check(CLI::Range(0, 1 << 24))
      ->capture_default_str();
  options->common.add_allow_key(*verb);
  options->common.add_threads(*verb);
  verb->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace plumb::cli
