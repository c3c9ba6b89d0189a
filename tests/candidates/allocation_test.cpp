// Decoding allocates nothing once a first token has been decoded, nor does the gated delta rule in
// a whole prompt. Left out of sanitized builds, whose own operator new this would replace.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>
#include <numeric>

#include "candidates/cpu/engine/forward.h"
#include "tests/candidates/op_bench.h"
#include "tests/candidates/synthetic.h"

// GCC takes operators that it inlines for mismatched ones.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

namespace {

std::atomic<size_t> allocations = 0;

void* counted(size_t size, size_t alignment) {
  ++allocations;
  const size_t whole = (size + alignment - 1) / alignment * alignment;
  void* const memory = std::aligned_alloc(alignment, whole);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// Replaced for the whole test program.
void* operator new(size_t size) {
  return counted(size, alignof(std::max_align_t));
}
void* operator new(size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<size_t>(alignment));
}
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  return counted(size, alignof(std::max_align_t));
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace plumb::candidates::testing {
namespace {

constexpr base::DType kPrecisions[] = {base::DType::kF32, base::DType::kBF16};

bool has_experts(const graph::Graph& graph) {
  return std::any_of(graph.ops.begin(), graph.ops.end(), [](const graph::Op& op) {
    return std::holds_alternative<graph::Experts>(op.kind);
  });
}

TEST(Decode, AllocatesNothing) {
  for_each_model([](const Model& model) {
    // Rows are grouped by expert in lists; a rope that depends on the length has new frequencies.
    if (has_experts(model.graph()) || graph::depends_on_length(model.graph())) return;
    for (const int count : {1, 2}) {
      const base::Threads threads(count);
      for (const base::DType precision : kPrecisions) {
        const cpu::Plan plan(model.graph(), model.weights(), precision, threads);
        cpu::Forward forward(plan, threads);
        cpu::Session session(plan.initial_states(), 40);
        forward.prefill(session, model.prompt(20), 0);
        forward.decode(session, 1, 20);
        const size_t before = allocations;
        for (int64_t t = 21; t < 40; ++t) forward.decode(session, t, t);
        EXPECT_EQ(allocations, before) << count << " threads";
      }
    }
  });
}

// A whole prompt through the gated delta rule, once its memory is there.
TEST(GatedDeltaRule, AllocatesNothing) {
  const graph::GatedDeltaRule rule{
      .key_heads = 2, .value_heads = 4, .key_dim = 24, .value_dim = 40};
  const std::vector<int> widths = {2 * 2 * 24 + 4 * 40, 4, 4};
  std::vector<WeightFolder::Entry> tables;
  graph::Graph graph;
  graph::Op op{.kind = rule};
  for (const int width : widths) {
    const std::string role = "input" + std::to_string(tables.size());
    tables.push_back({role, random_tensor({50, width}, tables.size()), base::DType::kF32});
    op.inputs.push_back(static_cast<graph::ValueId>(graph.values.size()));
    graph.ops.push_back(
        {.kind = graph::Embedding{}, .outputs = {op.inputs.back()}, .weights = {{-1, role}}});
    graph.values.push_back({.shape = {width}});
  }
  op.outputs = {3};
  graph.ops.push_back(op);
  graph.values.push_back({.shape = {4 * 40}});
  const WeightFolder folder(tables);
  for (const int count : {1, 2}) {
    const base::Threads threads(count);
    for (const cpu::Kernel kernel :
         {cpu::Kernel::kFused, cpu::Kernel::kChunked, cpu::Kernel::kNaive}) {
      const cpu::Plan plan(graph, folder.weights(), base::DType::kF32, threads, kernel);
      cpu::Forward forward(plan, threads);
      cpu::Session session(plan.initial_states());
      std::vector<int64_t> tokens(50);
      std::iota(tokens.begin(), tokens.end(), 0);
      forward.prefill(session, tokens, 0);
      const size_t before = allocations;
      forward.prefill(session, tokens, 50);
      EXPECT_EQ(allocations, before) << count << " threads";
    }
  }
}

}  // namespace
}  // namespace plumb::candidates::testing
