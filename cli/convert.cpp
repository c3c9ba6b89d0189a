#include "fixtures/convert.h"

#include "base/errors.h"
#include "cli/common.h"
#include "cli/verbs.h"
#include "fixtures/gguf/write.h"
#include "model/gguf/source.h"

namespace plumb::cli {
namespace {

struct Options {
  CommonOptions common;
  std::string folder;
  std::string format;
  uint64_t max_shard_size = uint64_t{1} << 30;
};

int run(const Options& options) {
  if (const auto format = fixtures::gguf_format(options.format)) {
    const LoadedModel model(options.common);
    model.weights.check_finite(base::Threads(options.common.threads));
    fixtures::write_gguf(model.config.spec, model.weights, *format, options.folder);
    return 0;
  }
  const fixtures::Recipe& recipe = fixtures::find_recipe(options.format);
  if (std::filesystem::weakly_canonical(options.folder) ==
      std::filesystem::weakly_canonical(options.common.checkpoint)) {
    throw base::InputError("--output", options.folder, "is the checkpoint that is read",
                           "name another folder");
  }
  const LoadedModel model(options.common);
  if (model::is_gguf(model.checkpoint.folder())) {
    throw base::InputError(options.common.checkpoint, "", "is a GGUF",
                           "convert it to gguf:TYPE, or the checkpoint that it was made of");
  }
  if (model.checkpoint.config_file().filename() != model::kConfigJson) {
    throw base::InputError(options.common.checkpoint, "", "has Meta's layout",
                           "quantised forms are those of Hugging Face's layout");
  }
  model.weights.check_finite(base::Threads(options.common.threads));
  fixtures::convert({model.checkpoint.config(), model.graph, model.config.names, model.weights},
                    recipe, options.folder, options.max_shard_size);
  return 0;
}

}  // namespace

void add_convert(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("convert", "write a checkpoint again in a quantised form");
  verb->footer("Example: plumb convert /tmp/qwen3 --quantize gptq -o /tmp/qwen3-gptq");
  auto options = std::make_shared<Options>();
  options->common.add_checkpoint(*verb);
  options->common.add_threads(*verb);
  verb->add_option("-o,--output", options->folder, "folder to write, or .gguf file")->required();
  verb->add_option("--quantize", options->format, "the form: " + format_names())->required();
  verb->add_option("--max-shard-size", options->max_shard_size,
                   "bytes of tensors in a shard, before they are quantised")
      ->check(whole_number())
      ->capture_default_str();
  verb->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace plumb::cli
