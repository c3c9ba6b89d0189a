// plumb_bench: how fast, as shares of what the machine does in the same minute.
//
//   of_peak        flops of the matrix products over OpenBLAS's own rate (sgemm, dgemm)
//   of_bandwidth   bytes of weights read over the memory's read bandwidth
//
// Options of ours come first; all others are Google Benchmark's (--benchmark_filter, ...).
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/files.h"
#include "bench/benchmarks.h"
#include "bench/roofline.h"
#include "candidates/cpu/simd/targets.h"

namespace plumb::bench {
namespace {

void add_context(const base::Threads& threads) {
  candidates::cpu::set_up_kernels();
  benchmark::AddCustomContext("blas", std::string(candidates::cpu::blas_name()));
  benchmark::AddCustomContext("simd", std::string(candidates::cpu::current_target()));
  benchmark::AddCustomContext("threads", std::to_string(threads.count()));
  benchmark::AddCustomContext("sgemm_gflops", fmt::format("{:.0f}", sgemm_peak(threads)));
  benchmark::AddCustomContext("dgemm_gflops", fmt::format("{:.0f}", dgemm_peak(threads)));
  benchmark::AddCustomContext("read_gbytes", fmt::format("{:.1f}", read_bandwidth(threads)));
}

int run(int argc, char** argv) {
  const base::TemporaryFolder temporary;
  Settings settings{.cache = temporary.path(), .presets = {"tiny", "small"}};
  CLI::App app("Benchmarks of Plumbline; further options are Google Benchmark's", "plumb_bench");
  app.add_option("--cache", settings.cache, "folder that keeps the synthetic checkpoints");
  app.add_option("--presets", settings.presets, "tiny, small, medium, hybrid, large")
      ->delimiter(',');
  app.add_option("--threads", settings.threads, "threads; 0: one a core");
  app.allow_extras();
  CLI11_PARSE(app, argc, argv);
  std::vector<std::string> rest = app.remaining();
  std::vector<char*> arguments = {argv[0]};
  for (std::string& text : rest) arguments.push_back(text.data());
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;
  const base::Threads threads(settings.threads);
  add_context(threads);
  register_checkpoint(settings, threads);
  register_forwards(settings, threads);
  register_delta_rule(threads);
  register_products(threads);
  register_growth(settings, threads);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace
}  // namespace plumb::bench

int main(int argc, char** argv) {
  return plumb::bench::run(argc, argv);
}
