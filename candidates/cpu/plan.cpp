#include "candidates/cpu/plan.h"

#include <algorithm>

#include "candidates/cpu/kernels.h"
#include "graph/rope_frequencies.h"

namespace plumb::candidates::cpu {
namespace {

using graph::Op;
using graph::ValueId;

// Hands out stretches of the arena and takes them back. First fit among the free ones in the order
// of their sizes: a forward has few different widths.
class Arena {
 public:
  size_t take(size_t width) {
    const auto fit = free_.lower_bound(width);
    if (fit == free_.end()) {
      const size_t offset = size_;
      size_ += width;
      return offset;
    }
    const size_t offset = fit->second;
    const size_t rest = fit->first - width;
    free_.erase(fit);
    if (rest > 0) free_.emplace(rest, offset + width);
    return offset;
  }

  void give_back(size_t offset, size_t width) { free_.emplace(width, offset); }
  size_t size() const { return size_; }

 private:
  std::multimap<size_t, size_t> free_;  // width to offset
  size_t size_ = 0;
};

// The last op that reads each value; its producer where none does.
std::vector<size_t> last_uses(const graph::Graph& graph) {
  std::vector<size_t> last(graph.values.size());
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    for (const ValueId id : graph.ops[i].outputs) last[static_cast<size_t>(id)] = i;
    for (const ValueId id : graph.ops[i].inputs) last[static_cast<size_t>(id)] = i;
  }
  return last;
}

}  // namespace

Plan::Plan(const graph::Graph& graph, const model::Weights& weights, base::DType precision,
           const base::Threads& threads)
    : graph_(graph), precision_(precision) {
  for (const Op& op : graph_.ops) add_step(op, weights, threads);
  place_values();
  for (const Step& step : steps_) {
    scratch_ = larger(
        scratch_,
        std::visit([&](const auto& kind) { return scratch_for(kind, step); }, step.op->kind));
  }
}

void Plan::add_step(const Op& op, const model::Weights& weights, const base::Threads& threads) {
  Step step{.op = &op};
  for (const model::WeightId& id : op.weights) {
    const auto held = weights_.find(id);
    step.weights.push_back(
        held != weights_.end()
            ? &held->second
            : &weights_.try_emplace(id, weights.at(id), precision_, threads).first->second);
  }
  const auto state = std::visit([](const auto& kind) { return initial_state(kind); }, op.kind);
  if (state) {
    step.slot = initial_states_.size();
    initial_states_.push_back(*state);
  }
  steps_.push_back(std::move(step));
}

// A value keeps its place until its last reader has run; no op writes over what it reads. The last
// value is what the caller reads: nothing comes after it.
void Plan::place_values() {
  const std::vector<size_t> last = last_uses(graph_);
  std::vector<Place> places(graph_.values.size());
  Arena arena;
  for (size_t i = 0; i < steps_.size(); ++i) {
    Step& step = steps_[i];
    for (const ValueId id : step.op->outputs) {
      const auto width = static_cast<size_t>(graph_.value(id).width());
      places[static_cast<size_t>(id)] = {arena.take(padded(width)), width};
      step.out.push_back(places[static_cast<size_t>(id)]);
    }
    for (const ValueId id : step.op->inputs) step.in.push_back(places[static_cast<size_t>(id)]);
    for (const auto* ids : {&step.op->inputs, &step.op->outputs}) {
      for (const ValueId id : *ids) {
        Place& place = places[static_cast<size_t>(id)];
        if (last[static_cast<size_t>(id)] != i || place.width == 0) continue;
        arena.give_back(place.offset, padded(place.width));
        place.width = 0;  // an op that reads a value twice gives it back once
      }
    }
  }
  arena_per_row_ = arena.size();
}

bool Plan::depends_on_length() const {
  return std::any_of(graph_.ops.begin(), graph_.ops.end(), [](const Op& op) {
    const auto* rope = std::get_if<graph::Rope>(&op.kind);
    return rope != nullptr && graph::depends_on_length(rope->rope);
  });
}

}  // namespace plumb::candidates::cpu
