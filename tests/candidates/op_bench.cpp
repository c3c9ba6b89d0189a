#include "tests/candidates/op_bench.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>

#include "base/random.h"
#include "base/safetensors.h"

namespace plumb::candidates::testing {
namespace {

using base::DType;

std::string bytes_of(const Tensor& tensor, DType dtype) {
  std::string bytes;
  const auto append = [&](auto value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
  };
  for (const double v : tensor.values) {
    if (dtype == DType::kF64) {
      append(v);
    } else if (dtype == DType::kF32) {
      append(static_cast<float>(v));
    } else {
      append(base::bf16_from_double(v));
    }
  }
  return bytes;
}

// The graph: a table for each input, the op behind them.
graph::Graph graph_of(const OpCase& test, const std::vector<model::WeightDeclaration>& declared) {
  graph::Graph g;
  g.weights = declared;
  graph::Op op{.kind = test.kind};
  for (size_t i = 0; i < test.inputs.size(); ++i) {
    const auto id = static_cast<graph::ValueId>(g.values.size());
    g.values.push_back({.shape = {static_cast<int>(test.inputs[i].width())}});
    g.ops.push_back({.kind = graph::Embedding{}, .outputs = {id}, .weights = {declared[i].id}});
    op.inputs.push_back(id);
  }
  for (size_t i = test.inputs.size(); i < declared.size(); ++i) {
    op.weights.push_back(declared[i].id);
  }
  for (const int width : test.out_width) {
    op.outputs.push_back(static_cast<graph::ValueId>(g.values.size()));
    // Two taps that any value may have, to look at the outputs by.
    const trace::TapId taps[] = {trace::TapId::kLogits, trace::TapId::kFinalNorm};
    g.values.push_back({.shape = {width}, .taps = {{taps[op.outputs.size() - 1], -1}}});
  }
  g.ops.push_back(op);
  return g;
}

}  // namespace

Tensor random_tensor(std::vector<int64_t> shape, uint64_t seed, double scale, bool coarse) {
  Tensor tensor{.shape = std::move(shape)};
  const int64_t count =
      std::accumulate(tensor.shape.begin(), tensor.shape.end(), int64_t{1}, std::multiplies<>());
  for (int64_t i = 0; i < count; ++i) {
    const double v = scale * base::random_normal(base::stream_key(seed, "test"), i);
    tensor.values.push_back(base::round_to(coarse ? DType::kBF16 : DType::kF32, v));
  }
  return tensor;
}

void expect_rounded(const Tensor& actual, double roundings,
                    const std::function<double(size_t, size_t)>& f) {
  for (size_t t = 0; t < actual.rows(); ++t) {
    for (size_t i = 0; i < actual.width(); ++i) {
      const double expected = f(t, i);
      ASSERT_NEAR(actual.at(t, i), expected, roundings * 0x1p-24 * std::abs(expected))
          << "row " << t << ", column " << i;
    }
  }
}

WeightFolder::WeightFolder(const std::vector<Entry>& entries) {
  std::vector<base::SafetensorsEntry> header;
  std::string data;
  model::NameTable names;
  for (const Entry& entry : entries) {
    const size_t begin = data.size();
    data += bytes_of(entry.tensor, entry.dtype);
    const model::WeightId id{entry.layer, entry.role};
    header.push_back({.name = id.name(),
                      .dtype = std::string(base::safetensors_name(entry.dtype)),
                      .shape = entry.tensor.shape,
                      .begin = begin,
                      .end = data.size()});
    names.name(entry.role, (entry.layer < 0 ? "" : "layers.{i}.") + entry.role);
    declared_.emplace_back(id, entry.tensor.shape);
  }
  base::write_file(folder_.path() / "config.json", "{}");
  base::write_file(folder_.path() / "model.safetensors",
                   base::safetensors_header(header, {}) + data);
  checkpoint_ = std::make_unique<model::Checkpoint>(folder_.path());
  weights_ = std::make_unique<model::Weights>(*checkpoint_, declared_, names);
}

OpResult run_op(const OpCase& test) {
  std::vector<WeightFolder::Entry> entries;
  for (const Tensor& input : test.inputs) {
    entries.push_back({"input" + std::to_string(entries.size()), input, DType::kF32});
  }
  for (const Tensor& weight : test.weights) {
    entries.push_back({"weight" + std::to_string(entries.size()), weight, test.stored});
  }
  const WeightFolder folder(entries);
  const base::Threads threads(test.threads);
  const graph::Graph graph = graph_of(test, folder.declared());
  const cpu::Plan plan(graph, folder.weights(), test.precision, threads, test.kernel);
  cpu::Forward forward(plan, threads);
  cpu::Session session(plan.initial_states(), 0, test.first_position);

  OpResult result;
  for (const int width : test.out_width) result.out.push_back({.shape = {0, width}});
  const cpu::Observer observer{
      .wants = [](const trace::Tap&) { return true; },
      .take =
          [&](const trace::Tap& tap, const cpu::Rows& rows) {
            Tensor& out = result.out[tap.id == trace::TapId::kLogits ? 0 : 1];
            out.shape[0] += static_cast<int64_t>(rows.rows);
            out.values.insert(out.values.end(), rows.data, rows.data + rows.rows * rows.width);
          }};
  std::vector<int64_t> tokens(test.inputs[0].rows());
  std::iota(tokens.begin(), tokens.end(), 0);
  const std::vector<size_t> calls =
      test.calls.empty() ? std::vector<size_t>{tokens.size()} : test.calls;
  size_t at = 0;
  for (const size_t rows : calls) {
    forward.prefill(session, std::span(tokens).subspan(at, rows), session.position(), &observer);
    at += rows;
  }
  result.explained = forward.explain();
  return result;
}

}  // namespace plumb::candidates::testing
