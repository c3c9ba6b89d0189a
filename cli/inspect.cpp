#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/json.h"
#include "cli/common.h"
#include "cli/verbs.h"
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

std::string brief_text(const LoadedModel& model) {
  const graph::Graph& graph = model.graph;
  int64_t parameters = 0;
  for (const auto& weight : graph.weights) parameters += weight.elements();
  std::string text =
      fmt::format("{}: {} layers, hidden_size {}, vocab_size {}, {} parameters, {} ops, {}\n",
                  model.config.spec.model_type, graph.num_layers, graph.hidden_size,
                  graph.vocab_size, parameters, graph.ops.size(),
                  model.config.spec.tie_word_embeddings ? "tied head" : "untied head");
  for (const std::string& key : model.config.allowed_keys) {
    text += fmt::format("allowed without being read: {}\n", key);
  }
  for (const std::string& note : notes_of(model)) text += fmt::format("note: {}\n", note);
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

std::string json_text(const LoadedModel& model) {
  base::OrderedJson tensors = base::OrderedJson::array();
  for (const auto& use : model.weights.uses()) {
    for (const base::OrderedJson& row : rows_of(model, use)) tensors.push_back(row);
  }
  base::OrderedJson json = {{"schema", "plumbline.inspect/1"},
                            {"model_type", model.config.spec.model_type},
                            {"layers", model.graph.num_layers},
                            {"hidden_size", model.graph.hidden_size},
                            {"vocab_size", model.graph.vocab_size},
                            {"tie_word_embeddings", model.config.spec.tie_word_embeddings},
                            {"allowed_keys", model.config.allowed_keys},
                            {"notes", notes_of(model)},
                            {"checkpoint_sha256", model.checkpoint.sha256()}};
  json["graph"] = base::OrderedJson::parse(graph::to_json(model.graph));
  json["tensors"] = tensors;
  return json.dump(2) + "\n";
}

int run(const Options& options) {
  const LoadedModel model(options.common);
  model.weights.check_finite(base::Threads(options.common.threads));
  if (!options.json.empty()) write_text(options.json, json_text(model));
  if (options.json != "-") {
    write_text("-", brief_text(model) + layers_text(model.graph) + tensors_text(model));
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
