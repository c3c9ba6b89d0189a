// What several verbs share: options with one meaning everywhere, a loaded model, where text goes.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/parallel.h"
#include "graph/graph.h"
#include "model/model.h"
#include "model/weights.h"
#include "trace/tap.h"

namespace plumb::cli {

struct CommonOptions {
  std::string checkpoint;
  std::string adapter;  // of the checkpoint; empty: none
  std::vector<std::string> allowed_keys;
  int threads = 0;

  void add_checkpoint(CLI::App& verb);
  void add_allow_key(CLI::App& verb);  // part of add_checkpoint
  void add_threads(CLI::App& verb);
  std::set<std::string> allowed() const { return {allowed_keys.begin(), allowed_keys.end()}; }
};

// A checkpoint with its graph and its weights bound.
struct LoadedModel {
  explicit LoadedModel(const std::filesystem::path& folder,
                       const std::set<std::string>& allowed_keys = {},
                       const std::filesystem::path& adapter = {});
  explicit LoadedModel(const CommonOptions& options)
      : LoadedModel(options.checkpoint, options.allowed(), options.adapter) {}

  model::Checkpoint checkpoint;
  model::ModelConfig config;
  graph::Graph graph;
  model::Weights weights;
};

// Writes `text` to a file, or to standard output for "-". Throws InputError when it cannot.
void write_text(const std::string& target, const std::string& text);

// The taps that `--taps` asks for. Throws InputError when a pattern matches none of the graph's.
trace::TapFilter parse_taps(const std::string& expression, const graph::Graph& graph);

// The forms in which checkpoints are written quantised, for help.
std::string format_names();

// Checks that an option's value is a whole number of 64 bits: CLI11 takes "-1" for 2^64 - 1.
CLI::Validator whole_number();

// "1,2,3" as token ids. Throws InputError.
std::vector<int64_t> parse_tokens(const std::string& text);

// Throws InputError naming the prompt when an id lies outside the vocabulary, or when it is longer
// than the model's table of positions.
void check_tokens(const std::string& where, const std::string& prompt,
                  const std::vector<int64_t>& tokens, const graph::Graph& graph);

}  // namespace plumb::cli
