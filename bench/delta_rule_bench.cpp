#include <benchmark/benchmark.h>

#include <chrono>
#include <cstring>
#include <numeric>

#include "base/files.h"
#include "base/random.h"
#include "base/safetensors.h"
#include "bench/benchmarks.h"
#include "bench/roofline.h"
#include "candidates/cpu/engine/forward.h"
#include "model/weights.h"

namespace plumb::bench {
namespace {

using benchmark::State;
using namespace candidates::cpu;
using Clock = std::chrono::steady_clock;

constexpr int kTokens = 512;
constexpr graph::GatedDeltaRule kRule{.key_heads = 16,
                                      .value_heads = 16,
                                      .key_dim = 128,
                                      .value_dim = 128,
                                      .query_scale = 0.08838834764831845};
constexpr trace::Tap kBefore{trace::TapId::kEmbed, -1};
constexpr trace::Tap kAfter{trace::TapId::kLogits, -1};

// A checkpoint of three tables and the graph that looks the rule's inputs up in them: token t is
// row t.
class RuleModel {
 public:
  RuleModel() {
    constexpr int kValues = kRule.value_heads * kRule.value_dim;
    const int qkv = 2 * kRule.key_heads * kRule.key_dim + kValues;
    graph::Op op{.kind = kRule};
    for (const int width : {qkv, kRule.value_heads, kRule.value_heads}) add_table(width, op);
    graph_.values.back().taps = {kBefore};
    op.outputs = {3};
    graph_.ops.push_back(op);
    graph_.values.push_back({.shape = {kValues}, .taps = {kAfter}});
    base::write_file(folder_.path() / "config.json", "{}");
    base::write_file(folder_.path() / "model.safetensors",
                     base::safetensors_header(entries_, {}) + data_);
    checkpoint_.emplace(folder_.path());
    weights_.emplace(*checkpoint_, graph_.weights, names_);
  }

  const graph::Graph& graph() const { return graph_; }
  const model::Weights& weights() const { return *weights_; }

 private:
  // Values in (-0.5, 0): what all three inputs may be.
  void add_table(int width, graph::Op& op) {
    const auto id = static_cast<graph::ValueId>(graph_.values.size());
    const std::string role = "table" + std::to_string(id);
    const size_t begin = data_.size();
    for (uint64_t i = 0; i < static_cast<uint64_t>(kTokens) * static_cast<uint64_t>(width); ++i) {
      const auto value = static_cast<float>(-0.5 * base::random_uniform(base::mix64(id), i));
      data_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    }
    entries_.push_back({role, "F32", {kTokens, width}, begin, data_.size()});
    names_.name(role, role);
    const model::WeightId weight{-1, role};
    const std::vector<int64_t> shape = {kTokens, width};
    graph_.weights.emplace_back(weight, shape);
    graph_.ops.push_back({.kind = graph::Embedding{}, .outputs = {id}, .weights = {weight}});
    graph_.values.push_back({.shape = {width}});
    op.inputs.push_back(id);
  }

  base::TemporaryFolder folder_;
  std::vector<base::SafetensorsEntry> entries_;
  std::string data_;
  model::NameTable names_;
  graph::Graph graph_;
  std::optional<model::Checkpoint> checkpoint_;
  std::optional<model::Weights> weights_;
};

// The op alone: from when its last input is there to when its output is.
void delta_rule(State& state, Kernel kernel, const base::Threads& threads) {
  const RuleModel model;
  const Plan plan(model.graph(), model.weights(), base::DType::kF32, threads, kernel);
  Forward forward(plan, threads);
  Session session(plan.initial_states(), kTokens);
  std::vector<int64_t> tokens(kTokens);
  std::iota(tokens.begin(), tokens.end(), 0);
  Clock::time_point start;
  double busy_start = 0.0;
  double busy = 0.0;
  std::chrono::duration<double> passed{};
  const Observer observer{.wants =
                              [&](const trace::Tap& tap) {
                                if (tap == kBefore) {
                                  start = Clock::now();
                                  busy_start = busy_seconds(threads);
                                } else if (tap == kAfter) {
                                  passed = Clock::now() - start;
                                  busy += busy_seconds(threads) - busy_start;
                                }
                                return false;
                              },
                          .take = {}};
  forward.prefill(session, tokens, 0);
  for (auto _ : state) {
    session.reset();
    forward.prefill(session, tokens, 0, &observer);
    state.SetIterationTime(passed.count());
  }
  state.counters["busy_ms"] = 1e3 * busy / static_cast<double>(state.iterations());
}

}  // namespace

void register_delta_rule(const base::Threads& threads) {
  for (const auto& [name, kernel] : {std::pair{"delta_rule/fused", Kernel::kFused},
                                     std::pair{"delta_rule/chunked", Kernel::kChunked},
                                     std::pair{"delta_rule/naive", Kernel::kNaive}}) {
    benchmark::RegisterBenchmark(
        name, [&threads, kernel = kernel](State& state) { delta_rule(state, kernel, threads); })
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
  }
}

}  // namespace plumb::bench
