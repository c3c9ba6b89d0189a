#include <benchmark/benchmark.h>

#include "bench/benchmarks.h"
#include "bench/meter.h"
#include "candidates/cpu/forward.h"
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
             size_t length, const base::Threads& threads, Kernel kernel = Kernel::kFastest) {
  const LoadedModel model(checkpoint_folder(settings, preset));
  const Plan plan(model.graph, model.weights, precision, threads, kernel);
  Forward forward(plan, threads);
  Session session(plan, length);
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
            const base::Threads& threads) {
  constexpr size_t kPrompt = 128;
  const LoadedModel model(checkpoint_folder(settings, preset));
  const Plan plan(model.graph, model.weights, precision, threads);
  Forward forward(plan, threads);
  Session session(plan, 2 * kPrompt);
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
  const double bytes = static_cast<double>(model.matrix_parameters()) *
                       static_cast<double>(base::size_of(precision));
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
    }
  }
}

}  // namespace plumb::bench
