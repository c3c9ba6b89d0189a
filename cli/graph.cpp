#include <fmt/format.h>

#include <cstdio>

#include "base/errors.h"
#include "cli/common.h"
#include "cli/verbs.h"
#include "graph/builder.h"
#include "graph/printer.h"
#include "model/gguf/gguf_model.h"

namespace plumb::cli {
namespace {

struct Options {
  CommonOptions common;
  std::string format = "text";
  std::string output = "-";
};

// The config alone makes the graph: no weights are needed to look at one.
model::Spec read_spec(const CommonOptions& options) {
  const std::filesystem::path path = options.checkpoint;
  if (model::is_gguf(path)) return model::read_gguf(path, options.allowed()).spec;
  const std::filesystem::path file = model::find_config_file(path);
  return model::read_config_file(file, base::read_json_file(file), options.allowed()).spec;
}

int run(const Options& options) {
  const graph::Graph graph = graph::build(read_spec(options.common));
  std::string text;
  if (options.format == "dot") {
    text = graph::to_dot(graph);
  } else if (options.format == "json") {
    text = graph::to_json(graph);
  } else {
    text = graph::to_text(graph);
  }
  write_text(options.output, text);
  if (!model::holds_weights(options.common.checkpoint)) {
    fmt::print(stderr, "{}: weights are missing; the graph is what its config describes\n",
               options.common.checkpoint);
  }
  return 0;
}

}  // namespace

void add_graph(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("graph", "print the op graph of a checkpoint's config");
  verb->footer("Example: plumb graph /tmp/qwen3 --format dot | dot -Tsvg > qwen3.svg");
  auto options = std::make_shared<Options>();
  options->common.add_checkpoint(*verb);
  verb->add_option("--format", options->format, "text, dot or json")
      ->check(CLI::IsMember({"text", "dot", "json"}))
      ->capture_default_str();
  verb->add_option("-o,--output", options->output, "file to write; - is standard output")
      ->capture_default_str();
  verb->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace plumb::cli
