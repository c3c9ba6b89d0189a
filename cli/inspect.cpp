#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/json.h"
#include "cli/common.h"
#include "cli/verbs.h"
#include "graph/builder.h"
#include "graph/printer.h"
#include "model/gguf/gguf_model.h"

namespace plumb::cli {
namespace {

struct Options {
  CommonOptions common;
  std::string json;
};

// What a GGUF cannot say, or says in vain.
std::vector<std::string> notes_of(const LoadedModel& model) {
  const std::filesystem::path& path = model.checkpoint.folder();
  if (!model::is_gguf(path)) return {};
  const std::vector<std::string>& allowed = model.config.allowed_keys;
  return model::read_gguf(path, {allowed.begin(), allowed.end()}).notes;
}

std::string brief_text(const model::ModelConfig& config, const graph::Graph& graph) {
  int64_t parameters = 0;
  for (const auto& weight : graph.weights) parameters += weight.elements();
  std::string text = fmt::format(
      "{}: {} layers, hidden_size {}, vocab_size {}, {} parameters, {} ops, {}\n",
      config.spec.model_type, graph.num_layers, graph.hidden_size, graph.vocab_size, parameters,
      graph.ops.size(), config.spec.tie_word_embeddings ? "tied head" : "untied head");
  for (const std::string& key : config.allowed_keys) {
    text += fmt::format("allowed without being read: {}\n", key);
  }
  for (const std::string& key : config.unread_keys) {
    text += fmt::format("without effect in the config: {}\n", key);
  }
  return text;
}

// Layers whose ops are alike are told once.
std::string layers_text(const graph::Graph& graph) {
  std::string text;
  std::string last;
  int since = 0;
  const auto flush = [&](int next) {
    if (last.empty()) return;
    text += next - 1 > since ? fmt::format("layers {}..{}:\n", since, next - 1)
                             : fmt::format("layer {}:\n", since);
    text += last;
  };
  for (int layer = 0; layer < graph.num_layers; ++layer) {
    std::string ops;
    for (const graph::Op& op : graph.ops) {
      if (op.layer != layer) continue;
      const std::string attributes = graph::attributes_text(op.kind);
      ops += fmt::format("  {}{}\n", op.name(), attributes.empty() ? "" : " {" + attributes + "}");
    }
    if (ops != last) {
      flush(layer);
      last = ops;
      since = layer;
    }
  }
  flush(graph.num_layers);
  return text;
}

std::string tensors_text(const LoadedModel& model) {
  std::string text = "tensors:\n";
  for (const auto& use : model.weights.uses()) {
    const model::StoredTensor& stored = model.checkpoint.tensors().at(use.tensor);
    for (const model::RawTensor* part : stored.parts) {
      text += fmt::format("  {} {} [{}] ", part->name, part->dtype, fmt::join(part->shape, ","));
      if (use.weights.empty()) {
        text += "ignored: " + use.ignored_by;
      } else if (part != stored.parts.front()) {
        text += "used with: " + stored.main().name;
      } else {
        text += fmt::format("used: {}", fmt::join(use.weights, ", "));
        if (use.form != part->dtype) text += fmt::format(" as {}", use.form);
      }
      text += "\n";
    }
  }
  return text;
}

// A row for each tensor of the files that `use` concerns; companions say whose they are.
std::vector<base::OrderedJson> rows_of(const LoadedModel& model, const model::Weights::Use& use) {
  const model::StoredTensor& stored = model.checkpoint.tensors().at(use.tensor);
  std::vector<base::OrderedJson> rows;
  for (const model::RawTensor* part : stored.parts) {
    base::OrderedJson row = {
        {"tensor", part->name}, {"dtype", part->dtype}, {"shape", part->shape}};
    row["status"] = use.weights.empty() ? "ignored" : "used";
    row["weights"] = use.weights;
    if (use.weights.empty()) {
      row["rule"] = use.ignored_by;
    } else if (part != stored.parts.front()) {
      row["companion_of"] = stored.main().name;
    } else {
      row["form"] = use.form;
      std::vector<std::string> companions;
      for (size_t i = 1; i < stored.parts.size(); ++i) companions.push_back(stored.parts[i]->name);
      row["companions"] = companions;
    }
    rows.push_back(row);
  }
  return rows;
}

// Of a model without weights the tensors that they should be.
std::vector<model::FileTensor> missing_tensors(const model::ModelConfig& config,
                                               const graph::Graph& graph) {
  return model::lay_out(graph.weights, config.names, [](const std::string&) { return false; });
}

std::string missing_text(const std::string& folder, const model::ModelConfig& config,
                         const graph::Graph& graph) {
  std::string text =
      fmt::format("weights are missing: {} holds no *.safetensors\ntensors:\n", folder);
  for (const model::FileTensor& tensor : missing_tensors(config, graph)) {
    text += fmt::format("  {} [{}] missing\n", tensor.name, fmt::join(tensor.shape, ","));
  }
  return text;
}

base::OrderedJson brief_json(const model::ModelConfig& config, const graph::Graph& graph) {
  return {{"schema", "plumbline.inspect/1"},
          {"model_type", config.spec.model_type},
          {"layers", graph.num_layers},
          {"hidden_size", graph.hidden_size},
          {"vocab_size", graph.vocab_size},
          {"tie_word_embeddings", config.spec.tie_word_embeddings},
          {"allowed_keys", config.allowed_keys},
          {"unread_keys", config.unread_keys}};
}

std::string missing_json(const model::ModelConfig& config, const graph::Graph& graph) {
  base::OrderedJson json = brief_json(config, graph);
  json["checkpoint_sha256"] = nullptr;
  json["weights_missing"] = true;
  json["graph"] = base::OrderedJson::parse(graph::to_json(graph));
  json["tensors"] = base::OrderedJson::array();
  for (const model::FileTensor& tensor : missing_tensors(config, graph)) {
    json["tensors"].push_back(
        {{"tensor", tensor.name}, {"shape", tensor.shape}, {"status", "missing"}});
  }
  return json.dump(2) + "\n";
}

std::string notes_text(const LoadedModel& model) {
  std::string text;
  for (const std::string& note : notes_of(model)) text += fmt::format("note: {}\n", note);
  return text;
}

std::string json_text(const LoadedModel& model) {
  base::OrderedJson tensors = base::OrderedJson::array();
  for (const auto& use : model.weights.uses()) {
    for (const base::OrderedJson& row : rows_of(model, use)) tensors.push_back(row);
  }
  base::OrderedJson json = brief_json(model.config, model.graph);
  json["notes"] = notes_of(model);
  json["checkpoint_sha256"] = model.checkpoint.sha256();
  json["graph"] = base::OrderedJson::parse(graph::to_json(model.graph));
  json["tensors"] = tensors;
  return json.dump(2) + "\n";
}

int describe_config(const Options& options) {
  const std::string& folder = options.common.checkpoint;
  const std::filesystem::path file = model::find_config_file(folder);
  const model::ModelConfig config =
      model::read_config_file(file, base::read_json_file(file), options.common.allowed());
  const graph::Graph graph = graph::build(config.spec);
  if (!options.json.empty()) write_text(options.json, missing_json(config, graph));
  if (options.json != "-") {
    write_text(
        "-", brief_text(config, graph) + layers_text(graph) + missing_text(folder, config, graph));
  }
  return 0;
}

int run(const Options& options) {
  if (!model::is_gguf(options.common.checkpoint)) {
    model::find_config_file(options.common.checkpoint);
  }
  if (!model::holds_weights(options.common.checkpoint)) return describe_config(options);
  const LoadedModel model(options.common);
  model.weights.check_finite(base::Threads(options.common.threads));
  if (!options.json.empty()) write_text(options.json, json_text(model));
  if (options.json != "-") {
    write_text("-", brief_text(model.config, model.graph) + notes_text(model) +
                        layers_text(model.graph) + tensors_text(model));
  }
  return 0;
}

}  // namespace

void add_inspect(CLI::App& app, Action& action) {
  CLI::App* verb =
      app.add_subcommand("inspect", "show what a checkpoint means, and every tensor's use");
  verb->footer("Example: plumb inspect /tmp/qwen3");
  auto options = std::make_shared<Options>();
  options->common.add_checkpoint(*verb);
  options->common.add_threads(*verb);
  verb->add_option("--json", options->json, "write the same as JSON; - is standard output");
  verb->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace plumb::cli
