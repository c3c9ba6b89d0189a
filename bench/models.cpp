#include "bench/models.h"

#include "base/random.h"
#include "fixtures/presets.h"
#include "fixtures/synth.h"
#include "graph/builder.h"

namespace plumb::bench {

std::string family_of(const std::string& preset) {
  if (preset == "hybrid") return "qwen3_5_text";
  return preset == "tiny" || preset == "small" ? "llama" : "qwen3";
}

LoadedModel::LoadedModel(const std::filesystem::path& folder)
    : checkpoint(folder),
      config(model::read_config(checkpoint)),
      graph(graph::build(config.spec)),
      weights(checkpoint, graph.weights, config.names) {}

int64_t LoadedModel::matrix_parameters() const {
  int64_t total = 0;
  for (const graph::Op& op : graph.ops) {
    if (!std::holds_alternative<graph::Linear>(op.kind)) continue;
    const model::WeightView& w = weights.at(op.weights[0]);
    total += static_cast<int64_t>(w.rows() * w.columns());
  }
  return total;
}

std::filesystem::path checkpoint_folder(const Settings& settings, const std::string& preset) {
  const std::filesystem::path folder = settings.cache / (family_of(preset) + "-" + preset);
  if (!std::filesystem::exists(folder / "config.json")) {
    fixtures::synthesize({.config = fixtures::preset_config(family_of(preset), preset), .seed = 1},
                         folder, base::Threads(settings.threads));
  }
  return folder;
}

std::vector<int64_t> prompt(size_t length, int vocab_size) {
  std::vector<int64_t> tokens(length);
  for (size_t t = 0; t < length; ++t) {
    tokens[t] = static_cast<int64_t>(base::random_bits(7, t) % static_cast<uint64_t>(vocab_size));
  }
  return tokens;
}

}  // namespace plumb::bench
