#include "candidates/candidate.h"

#include <algorithm>

#include "base/errors.h"
#include "candidates/cpu/engine/cpu_engine.h"
#include "candidates/recorded.h"

namespace plumb::candidates {
namespace {

using base::DType;
using base::InputError;

constexpr std::string_view kEngines[] = {"cpu-f32", "cpu-bf16"};
constexpr DType kPrecisions[] = {DType::kF32, DType::kBF16};  // of kEngines
static_assert(std::size(kEngines) == std::size(kPrecisions));

}  // namespace

std::span<const std::string_view> engine_names() {
  return kEngines;
}

std::unique_ptr<trace::Engine> make_engine(std::string_view name, const graph::Graph& graph,
                                           const model::Weights& weights,
                                           const base::Threads& threads) {
  const auto found = std::find(std::begin(kEngines), std::end(kEngines), name);
  if (found == std::end(kEngines)) {
    throw InputError("engine", std::string(name), "is not known", "known: cpu-f32, cpu-bf16");
  }
  const DType precision = kPrecisions[found - std::begin(kEngines)];
  return std::make_unique<cpu::CpuEngine>(std::string(name), precision, graph, weights, threads);
}

std::unique_ptr<trace::Source> make_candidate(std::string_view text, const graph::Graph& graph,
                                              const model::Weights& weights,
                                              const base::Threads& threads) {
  if (text.starts_with(kTracePrefix)) return open_recorded(text);
  if (std::find(std::begin(kEngines), std::end(kEngines), text) == std::end(kEngines)) {
    throw InputError("--candidate", std::string(text), "is not known",
                     "known: cpu-f32, cpu-bf16, trace:FILE[#dtype], exec:COMMAND, py:MODULE, "
                     "plugin:FILE.so[:OPTIONS]");
  }
  return make_engine(text, graph, weights, threads);
}

}  // namespace plumb::candidates
