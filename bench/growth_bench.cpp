// How cost grows: against the prompt's length, layers, width, experts, and the replicas of a floor.
#include <benchmark/benchmark.h>
#include <malloc.h>
#include <sys/resource.h>

#include <fstream>

#include "bench/benchmarks.h"
#include "bench/meter.h"
#include "candidates/cpu/engine/forward.h"
#include "fixtures/presets.h"
#include "fixtures/synth.h"
#include "reference/run.h"

namespace plumb::bench {
namespace {

using benchmark::State;
using namespace candidates::cpu;

constexpr size_t kPiece = 512;   // of a prompt in one call
constexpr size_t kLength = 256;  // where it is not what grows

// The folder of a llama of 160M with some keys changed, or of another family of that size.
std::filesystem::path changed(const Settings& settings, const std::string& family,
                              const base::Json& changes) {
  std::string name = "growth-" + family;
  for (const auto& [key, value] : changes.items()) name += "-" + key + "-" + value.dump();
  const std::filesystem::path folder = settings.cache / name;
  if (!std::filesystem::exists(folder / "config.json")) {
    base::Json config = fixtures::preset_config(family, "small");
    config.merge_patch(changes);
    fixtures::synthesize({.config = config, .seed = 1}, folder, base::Threads(settings.threads));
  }
  return folder;
}

// The peak is that since the last call, above what is still in use.
void reset_peak() {
  ::malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << "5";
}

double peak_mebibytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024.0;
}

// Flops of the scores and the mixing: a query meets half of the positions.
double attention_gflops(const graph::Graph& graph, size_t length) {
  double flops = 0.0;
  for (const graph::Op& op : graph.ops) {
    if (const auto* attention = std::get_if<graph::Attention>(&op.kind)) {
      const double dims = attention->heads * (attention->head_dim + attention->value_dim);
      flops += dims * static_cast<double>(length) * static_cast<double>(length);
    }
  }
  return flops * 1e-9;
}

// Flops of the experts that a token is sent to.
double expert_gflops(const graph::Graph& graph, size_t length) {
  double flops = 0.0;
  for (const graph::Op& op : graph.ops) {
    if (const auto* experts = std::get_if<graph::Experts>(&op.kind)) {
      const int chosen = graph.value(op.inputs[1]).width();
      flops += 6.0 * chosen * experts->intermediate_size * graph.hidden_size;
    }
  }
  return flops * 1e-9 * static_cast<double>(length);
}

// A prompt through cpu-f32 in pieces, its cost beside that of its products.
void prefill(State& state, const std::filesystem::path& folder, size_t length,
             const base::Threads& threads) {
  const LoadedModel model(folder);
  const Plan plan(model.graph, model.weights, base::DType::kF32, threads);
  model.weights.check_finite(threads);  // brings the pages of weights read in place in
  reset_peak();
  const double weights_only = peak_mebibytes();
  Forward forward(plan, threads);
  Session session(plan.initial_states(), length);
  const std::vector<int64_t> tokens = prompt(length, model.graph.vocab_size);
  const auto run = [&] {
    session.reset();
    for (size_t at = 0; at < length; at += kPiece) {
      const std::span<const int64_t> all(tokens);
      forward.prefill(session, all.subspan(at, std::min(kPiece, length - at)), session.position());
    }
  };
  run();
  state.counters["mib_above_weights"] = peak_mebibytes() - weights_only;
  Meter meter(state, sgemm_peak, threads);
  for (auto _ : state) meter.time(run);
  const double products = 2e-9 * static_cast<double>(model.matrix_parameters() * length);
  meter.report(
      "of_peak",
      products + attention_gflops(model.graph, length) + expert_gflops(model.graph, length),
      length);
}

// Emulated float32 runs of one prompt, as the noise floor takes them.
void replicas(State& state, const Settings& settings, size_t count, const base::Threads& threads) {
  constexpr size_t kPromptLength = 64;
  const LoadedModel model(checkpoint_folder(settings, "tiny"));
  const reference::Reference reference(model.graph, model.weights, threads);
  const std::vector<int64_t> tokens = prompt(kPromptLength, model.graph.vocab_size);
  reference::Request request;
  request.sequences.assign(count, {tokens});
  request.replicas = true;
  request.emulation = {&graph::default_contract(base::DType::kF32), 1};
  request.wants = [](const trace::Tap&) { return true; };
  request.take = [](const trace::Tap&, const reference::Matrix&) {};
  Meter meter(state, dgemm_peak, threads);
  for (auto _ : state) {
    meter.time([&] { reference.run(request); });
  }
  const auto rows = static_cast<double>(kPromptLength * count);
  meter.report("of_peak", 2e-9 * static_cast<double>(model.matrix_parameters()) * rows,
               kPromptLength * count);
}

}  // namespace

void register_growth(const Settings& settings, const base::Threads& threads) {
  const auto add = [](const std::string& name, auto body) {
    benchmark::RegisterBenchmark(("growth/" + name).c_str(), body)
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
  };
  const auto grow = [&](const std::string& axis, const std::string& family, size_t length,
                        const base::Json& changes) {
    add(axis, [&settings, &threads, family, length, changes](State& state) {
      prefill(state, changed(settings, family, changes), length, threads);
    });
  };
  for (const size_t n : {128, 256, 512, 1024, 2048, 4096, 8192}) {
    grow("tokens/" + std::to_string(n), "llama", n, base::Json::object());
  }
  for (const int n : {2, 4, 8, 16}) {
    grow("layers/" + std::to_string(n), "llama", kLength, {{"num_hidden_layers", n}});
  }
  for (const int n : {256, 512, 1024, 2048}) {
    grow("width/" + std::to_string(n), "llama", kLength,
         {{"hidden_size", n},
          {"intermediate_size", 4 * n},
          {"num_attention_heads", n / 64},
          {"num_key_value_heads", n / 64},
          {"num_hidden_layers", 4}});
  }
  for (const int n : {4, 8, 16, 32}) {
    grow("experts/" + std::to_string(n), "mixtral", kLength,
         {{"num_local_experts", n}, {"num_hidden_layers", 4}});
  }
  for (const size_t n : {1, 2, 4, 8, 16}) {
    add("replicas/" + std::to_string(n),
        [&, n](State& state) { replicas(state, settings, n, threads); });
  }
}

}  // namespace plumb::bench
