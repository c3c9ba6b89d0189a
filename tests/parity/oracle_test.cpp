// The reference against Hugging Face in pure float64, at every tap recorded.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "reference/engine.h"
#include "tests/support/model.h"
#include "trace/trace_file.h"

namespace plumb {
namespace {

using trace::Tap;
using trace::Tensor;

constexpr double kTolerance = 1e-12;

// max|a - b| / max|b|; infinite where the shapes differ or anything is not finite.
double max_rel(const Tensor& a, const Tensor& b) {
  if (a.values.size() != b.values.size() || a.rows() != b.rows()) {
    return std::numeric_limits<double>::infinity();
  }
  double difference = 0.0;
  double scale = 0.0;
  bool finite = true;
  for (size_t i = 0; i < a.values.size(); ++i) {
    finite = finite && std::isfinite(a.values[i]) && std::isfinite(b.values[i]);
    difference = std::max(difference, std::abs(a.values[i] - b.values[i]));
    scale = std::max(scale, std::abs(b.values[i]));
  }
  if (!finite) return std::numeric_limits<double>::infinity();
  return difference == 0.0 ? 0.0 : difference / scale;
}

// Chosen experts stand in no promised order (torch.topk): by ids, and weights by size.
Tensor ordered(Tensor tensor, const Tap& tap) {
  if (tap.id != trace::TapId::kRouterIds && tap.id != trace::TapId::kRouterWeights) return tensor;
  const auto width = static_cast<ptrdiff_t>(tensor.width());
  for (auto row = tensor.values.begin(); row != tensor.values.end(); row += width) {
    std::sort(row, row + width);
  }
  return tensor;
}

// The worst tap of every prompt of a case, and how many were compared.
struct Agreement {
  double worst = 0.0;
  std::string where;
  size_t taps = 0;
};

Agreement compare(const tests::SyntheticModel& model, const trace::TraceFile& oracle) {
  const base::Threads threads(1);
  const reference::Reference reference(model.graph, model.weights, threads);
  Agreement agreement;
  for (const trace::Prompt& prompt : oracle.prompts()) {
    const auto theirs = oracle.recording(base::DType::kF64, prompt.name);
    trace::MemoryRecording ours;
    reference.record(prompt.tokens, trace::TapFilter::all(), ours);
    for (const Tap& tap : theirs->taps()) {
      const double error = max_rel(ordered(ours.at(tap), tap), ordered(theirs->read(tap), tap));
      ++agreement.taps;
      if (error <= agreement.worst) continue;
      agreement.worst = error;
      agreement.where = prompt.name + " " + tap.name();
    }
  }
  return agreement;
}

TEST(Oracle, AgreesWithTheReferenceAtEveryTapOfEveryCase) {
  for (const std::string& name : tests::case_names()) {
    const tests::Case one = tests::read_case(name);
    const tests::SyntheticModel model(one);
    const Agreement agreement = compare(model, trace::TraceFile(one.oracle()));
    EXPECT_LE(agreement.worst, kTolerance) << name << " " << agreement.where;
    // Logits, embed, final_norm where there is one, and three taps a layer, of two prompts.
    const size_t ends = model.config.spec.final_norm ? 3 : 2;
    EXPECT_GE(agreement.taps, 2 * (ends + 3 * static_cast<size_t>(model.graph.num_layers))) << name;
  }
}

TEST(Oracle, ContinuesGreedilyAsTheReferenceDoes) {
  const base::Threads threads(1);
  for (const std::string& name : tests::case_names()) {
    const tests::Case one = tests::read_case(name);
    const tests::SyntheticModel model(one);
    const reference::Reference reference(model.graph, model.weights, threads);
    const trace::TraceFile oracle(one.oracle());
    for (const trace::Prompt& prompt : oracle.prompts()) {
      const auto theirs = oracle.recording(base::DType::kF64, prompt.name)->greedy();
      ASSERT_TRUE(theirs.has_value()) << name;
      const trace::Greedy ours =
          *reference::ReferenceEngine(reference)
               .record(prompt, trace::TapFilter("logits"), static_cast<int>(theirs->tokens.size()))
               ->greedy();
      constexpr double kExact = 1e-11;
      for (size_t i = 0; i < ours.margins.size(); ++i) {
        ASSERT_NEAR(ours.margins[i], theirs->margins[i], kExact) << name << " step " << i;
        // Of two equal tokens each may take the other, and goes on from there.
        if (theirs->margins[i] <= kExact && one.tied_tokens > 0) break;
        ASSERT_EQ(ours.tokens[i], theirs->tokens[i]) << name << " step " << i;
      }
    }
  }
}

// Each family is there with at least two cases, or the tests above say little.
TEST(Oracle, CoversEveryFamily) {
  std::map<std::string, int> cases;
  for (const std::string& name : tests::case_names()) ++cases[tests::read_case(name).family];
  for (const model::Family* family : model::families()) {
    EXPECT_GE(cases[std::string(family->model_type)], 2) << family->model_type;
  }
}

// The comparison sees what it is there to see.
TEST(MaxRel, SeesPlantedDamage) {
  const Tensor truth{.shape = {2, 3}, .values = {1, 2, 3, 4, 5, 6}};
  EXPECT_EQ(max_rel(truth, truth), 0.0);
  Tensor moved = truth;
  moved.values[1] += 1e-10;
  EXPECT_GT(max_rel(moved, truth), kTolerance);
  Tensor swapped = truth;
  std::swap_ranges(swapped.values.begin(), swapped.values.begin() + 3, swapped.values.begin() + 3);
  EXPECT_GT(max_rel(swapped, truth), kTolerance);
  EXPECT_GT(max_rel({.shape = {2, 3}, .values = std::vector<double>(6, 0.0)}, truth), kTolerance);
  EXPECT_GT(max_rel({.shape = {1, 3}, .values = {1, 2, 3}}, truth), kTolerance);
  EXPECT_GT(max_rel({.shape = {3, 2}, .values = truth.values}, truth), kTolerance);
  for (const double bad : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    Tensor damaged = truth;
    damaged.values[4] = bad;
    EXPECT_GT(max_rel(damaged, truth), kTolerance);
    EXPECT_GT(max_rel(truth, damaged), kTolerance);
    EXPECT_GT(max_rel(damaged, damaged), kTolerance);
  }
}

// A wrong forward does not pass: each of these is one slip in one attribute.
TEST(Oracle, TellsAWrongForwardFromARightOne) {
  const tests::Case one = tests::read_case("gemma3-pattern");
  using Slip = void (*)(graph::Graph&);
  const Slip slips[] = {
      [](graph::Graph& g) {
        for (graph::Op& op : g.ops) {
          if (auto* norm = std::get_if<graph::RmsNorm>(&op.kind)) norm->eps *= 1.0001;
        }
      },
      [](graph::Graph& g) {
        for (graph::Op& op : g.ops) {
          if (auto* attention = std::get_if<graph::Attention>(&op.kind)) attention->window += 1;
        }
      },
      [](graph::Graph& g) {
        for (graph::Op& op : g.ops) {
          if (auto* rope = std::get_if<graph::Rope>(&op.kind)) rope->rope.theta *= 1.000001;
        }
      },
  };
  for (const Slip slip : slips) {
    tests::SyntheticModel model(one);
    slip(model.graph);
    EXPECT_GT(compare(model, trace::TraceFile(one.oracle())).worst, 1e3 * kTolerance);
  }
}

}  // namespace
}  // namespace plumb
