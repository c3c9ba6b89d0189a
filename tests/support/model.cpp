#include "tests/support/model.h"

#include <algorithm>

#include "base/parallel.h"
#include "fixtures/presets.h"
#include "fixtures/synth.h"
#include "graph/builder.h"

namespace plumb::tests {
namespace {

const std::filesystem::path kRoot = PLUMB_ROOT;

const std::filesystem::path& synthesize(const base::TemporaryFolder& folder,
                                        const base::Json& config, uint64_t seed,
                                        uint64_t max_shard_size, int64_t tied_tokens) {
  fixtures::SynthOptions options{.config = config, .seed = seed};
  options.max_shard_size = max_shard_size;
  options.tied_tokens = tied_tokens;
  fixtures::synthesize(options, folder.path(), base::Threads(1));
  return folder.path();
}

}  // namespace

std::filesystem::path Case::oracle() const {
  return kRoot / "oracles/traces" / (name + ".h5");
}

std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const auto& item : std::filesystem::directory_iterator(kRoot / "fixtures/cases")) {
    names.push_back(item.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Case read_case(const std::string& name) {
  const base::Json json = base::read_json_file(kRoot / "fixtures/cases" / (name + ".json"));
  const std::string family = json.at("family");
  // As `plumb synth --config` completes it.
  return {.name = name,
          .family = family,
          .seed = json.at("seed"),
          .config = fixtures::complete_config(json.at("config"), family),
          .tied_tokens = json.value("ties", 0)};
}

SyntheticModel::SyntheticModel(const base::Json& json, uint64_t seed, uint64_t max_shard_size)
    : SyntheticModel(json, seed, max_shard_size, 0) {}

SyntheticModel::SyntheticModel(const Case& one)
    : SyntheticModel(one.config, one.seed, uint64_t{1} << 30, one.tied_tokens) {}

SyntheticModel::SyntheticModel(const base::Json& json, uint64_t seed, uint64_t max_shard_size,
                               int64_t tied_tokens)
    : checkpoint(synthesize(folder, json, seed, max_shard_size, tied_tokens)),
      config(model::read_config(checkpoint)),
      graph(graph::build(config.spec)),
      weights(checkpoint, graph.weights, config.names) {}

}  // namespace plumb::tests
