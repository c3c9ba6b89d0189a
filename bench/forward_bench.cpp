#include <benchmark/benchmark.h>

#include "bench/benchmarks.h"
#include "bench/meter.h"
#include "candidates/cpu/engine/forward.h"
#include "reference/run.h"

namespace plumb::bench {
namespace {

using base::DType;
using benchmark::State;
using namespace candidates::cpu;

double gflops(const LoadedModel& model, size_t tokens) {
  return 2e-9 * static_cast<double>(model.matrix_parameters()) * static_cast<double>(tokens);
}

void reference_forward(State& state, const Settings& settings, const std::string& preset,
                       size_t length, const base::Threads& threads) {
  const LoadedModel model(checkpoint_folder(settings, preset));
  const reference::Reference reference(model.graph, model.weights, threads);
  const std::vector<int64_t> tokens = prompt(length, model.graph.vocab_size);
  Meter meter(state, dgemm_peak, threads);
  const trace::TapFilter filter("logits");
  reference::Request request;
  request.sequences = {reference::Sequence{tokens}};
  request.wants = [&](const trace::Tap& tap) { return filter.matches(tap); };
  request.take = [](const trace::Tap&, const reference::Matrix& logits) {
    benchmark::DoNotOptimize(logits.data());
  };
  reference.run(request);
  for (auto _ : state) meter.time([&] { reference.run(request); });
  meter.report("of_peak", gflops(model, length), length);
}

void prefill(State& state, const Settings& settings, const std::string& preset, DType precision,
             size_t length, const base::Threads& threads, Kernel kernel = Kernel::kFastest,
             Storage storage = Storage::kCompact) {
  const LoadedModel model(checkpoint_folder(settings, preset));
  const Plan plan(model.graph, model.weights, precision, threads, kernel, storage);
  Forward forward(plan, threads);
  Session session(plan.initial_states(), length);
  const std::vector<int64_t> tokens = prompt(length, model.graph.vocab_size);
  forward.prefill(session, tokens, 0);
  Meter meter(state, sgemm_peak, threads);
  for (auto _ : state) {
    session.reset();
    meter.time([&] { forward.prefill(session, tokens, 0); });
  }
  meter.report("of_peak", gflops(model, length), length);
}

// Single tokens behind a prompt of 128; back to it when as many have been decoded.
void decode(State& state, const Settings& settings, const std::string& preset, DType precision,
            const base::Threads& threads, Storage storage = Storage::kCompact) {
  constexpr size_t kPrompt = 128;
  const LoadedModel model(checkpoint_folder(settings, preset));
  const Plan plan(model.graph, model.weights, precision, threads, Kernel::kFastest, storage);
  Forward forward(plan, threads);
  Session session(plan.initial_states(), 2 * kPrompt);
  const std::vector<int64_t> tokens = prompt(2 * kPrompt, model.graph.vocab_size);
  const auto restart = [&] {
    session.reset();
    forward.prefill(session, {tokens.data(), kPrompt}, 0);
  };
  restart();
  Meter meter(state, read_bandwidth, threads);
  for (auto _ : state) {
    if (session.length() == tokens.size()) restart();
    const int64_t token = tokens[session.length()];
    meter.time([&] { forward.decode(session, token, session.position()); });
  }
  // The presets' checkpoints are of bfloat16.
  const DType held = storage == Storage::kCompact ? DType::kBF16 : precision;
  const double bytes =
      static_cast<double>(model.matrix_parameters()) * static_cast<double>(base::size_of(held));
  meter.report("of_bandwidth", bytes * 1e-9, 1);
}

// From a checkpoint's folder to the logits of a prompt of eight tokens, the pages of the files in
// the cache.
void first_logits(State& state, const Settings& settings, const std::string& preset,
                  DType precision, const base::Threads& threads) {
  constexpr size_t kPrompt = 8;
  const std::filesystem::path folder = checkpoint_folder(settings, preset);
  Meter meter(state, read_bandwidth, threads);
  double bytes = 0.0;
  for (auto _ : state) {
    meter.time([&] {
      const LoadedModel model(folder);
      const Plan plan(model.graph, model.weights, precision, threads);
      Forward forward(plan, threads);
      Session session(plan.initial_states(), kPrompt);
      benchmark::DoNotOptimize(
          forward.prefill(session, prompt(kPrompt, model.graph.vocab_size), 0).data);
      bytes = 2.0 * static_cast<double>(model.matrix_parameters());
    });
  }
  meter.report("of_bandwidth", bytes * 1e-9, 1);
}

}  // namespace

void register_forwards(const Settings& settings, const base::Threads& threads) {
  const auto add = [](const std::string& name, auto body) {
    benchmark::RegisterBenchmark(name.c_str(), body)
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
  };
  for (const std::string& preset : settings.presets) {
    for (const size_t length : {128, 512}) {
      add("reference/" + preset + "/" + std::to_string(length), [&, preset, length](State& state) {
        reference_forward(state, settings, preset, length, threads);
      });
    }
    // What a checkpoint of float32 would cost.
    add("prefill/widened/cpu-f32/" + preset + "/512", [=, &settings, &threads](State& state) {
      prefill(state, settings, preset, DType::kF32, 512, threads, Kernel::kFastest,
              Storage::kWidened);
    });
    add("decode/widened/cpu-f32/" + preset, [=, &settings, &threads](State& state) {
      decode(state, settings, preset, DType::kF32, threads, Storage::kWidened);
    });
    for (const DType precision : {DType::kF32, DType::kBF16}) {
      const std::string engine = precision == DType::kF32 ? "cpu-f32/" : "cpu-bf16/";
      for (const size_t length : {128, 512}) {
        add("prefill/" + engine + preset + "/" + std::to_string(length),
            [=, &settings, &threads](State& state) {
              prefill(state, settings, preset, precision, length, threads);
            });
      }
      if (preset == "hybrid") {
        add("prefill/naive-rule/" + engine + preset + "/512",
            [=, &settings, &threads](State& state) {
              prefill(state, settings, preset, precision, 512, threads, Kernel::kNaive);
            });
      }
      add("decode/" + engine + preset, [=, &settings, &threads](State& state) {
        decode(state, settings, preset, precision, threads);
      });
      add("first-logits/" + engine + preset, [=, &settings, &threads](State& state) {
        first_logits(state, settings, preset, precision, threads);
      });
    }
  }
}

}  // namespace plumb::bench
