#include <benchmark/benchmark.h>

#include "base/files.h"
#include "bench/benchmarks.h"
#include "candidates/candidate.h"
#include "fixtures/presets.h"
#include "fixtures/synth.h"

namespace plumb::bench {
namespace {

using benchmark::State;

void synth(State& state, const std::string& preset, const base::Threads& threads) {
  const base::Json config = fixtures::preset_config(family_of(preset), preset);
  uint64_t bytes = 0;
  for (auto _ : state) {
    const base::TemporaryFolder folder;
    fixtures::synthesize(
        {.config = config, .seed = 1, .progress = [&](uint64_t, uint64_t total) { bytes = total; }},
        folder.path() / "checkpoint", threads);
  }
  state.SetBytesProcessed(static_cast<int64_t>(bytes) * state.iterations());
}

void open_model(State& state, const Settings& settings, const std::string& preset) {
  const auto folder = checkpoint_folder(settings, preset);
  for (auto _ : state) {
    const LoadedModel model(folder);
    benchmark::DoNotOptimize(model.graph.ops.size());
  }
}

void plan(State& state, const Settings& settings, const std::string& preset,
          std::string_view engine, const base::Threads& threads) {
  const LoadedModel model(checkpoint_folder(settings, preset));
  for (auto _ : state) {
    const auto made = candidates::make_engine(engine, model.graph, model.weights, threads);
    benchmark::DoNotOptimize(made.get());
  }
}

}  // namespace

void register_checkpoint(const Settings& settings, const base::Threads& threads) {
  const auto add = [](const std::string& name, auto body) {
    benchmark::RegisterBenchmark(name.c_str(), body)->UseRealTime()->Unit(benchmark::kMillisecond);
  };
  for (const std::string& preset : settings.presets) {
    add("synth/" + preset, [preset, &threads](State& state) { synth(state, preset, threads); });
    add("open/" + preset, [&, preset](State& state) { open_model(state, settings, preset); });
    for (const std::string_view engine : candidates::engine_names()) {
      add("plan/" + std::string(engine) + "/" + preset,
          [&, preset, engine](State& state) { plan(state, settings, preset, engine, threads); });
    }
  }
}

}  // namespace plumb::bench
