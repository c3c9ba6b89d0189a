#include "candidates/cpu/engine/plan.h"

#include <algorithm>

#include "candidates/cpu/ops/kernels.h"

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

// The last step that reads each value; its producer where none does. Steps that run together are
// all over when the last of them is.
std::vector<size_t> last_uses(const graph::Graph& graph, const std::vector<Step>& steps) {
  std::vector<size_t> last(graph.values.size());
  size_t end = 0;
  for (size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].together > 0) end = i + steps[i].together - 1;
    for (const ValueId id : steps[i].op->outputs) last[static_cast<size_t>(id)] = end;
    for (const ValueId id : steps[i].op->inputs) last[static_cast<size_t>(id)] = end;
  }
  return last;
}

}  // namespace

Plan::Plan(const graph::Graph& graph, const model::Weights& weights, base::DType precision,
           const base::Threads& threads, Kernel kernel, Storage storage)
    : graph_(graph), precision_(precision), storage_(storage) {
  for (const Op& op : graph_.ops) add_step(op, weights, threads, kernel);
  join_products();
  place_values();
  for (Step& step : steps_) prepare(step);
}

const Weight* Plan::hold(const model::WeightView& view, WeightForm form,
                         const base::Threads& threads) {
  const auto held = weights_.find(view.id());
  if (held != weights_.end()) return &held->second;
  return &weights_.try_emplace(view.id(), view, form, precision_, threads, storage_).first->second;
}

void Plan::add_step(const Op& op, const model::Weights& weights, const base::Threads& threads,
                    Kernel kernel) {
  Step step{.op = &op, .kernel = kernel};
  const size_t matrices = std::visit([](const auto& kind) { return matrices_of(kind); }, op.kind);
  for (const model::WeightId& id : op.weights) {
    const bool is_matrix = step.weights.size() < matrices;
    step.weights.push_back(
        hold(weights.at(id), is_matrix ? WeightForm::kMatrix : WeightForm::kValues, threads));
  }
  steps_.push_back(std::move(step));
}

// What an op's kernel wants settled once its weights and places are known.
void Plan::prepare(Step& step) {
  std::visit(
      [&](const auto& kind) {
        step.constants = constants_for(kind, step);
        scratch_ = larger(scratch_, scratch_for(kind, step));
        if (const auto state = initial_state(kind, step)) {
          step.slot = initial_states_.size();
          initial_states_.push_back(*state);
          const graph::Slot* const slot =
              graph_.slot_of(static_cast<size_t>(step.op - graph_.ops.data()));
          slots_.push_back(slot != nullptr ? slot->tensors : std::vector<graph::StateTensor>());
        }
      },
      step.op->kind);
}

void Plan::join_products() {
  const auto is_product = [&](size_t i) {
    return std::holds_alternative<graph::Linear>(steps_[i].op->kind);
  };
  for (size_t i = 0; i < steps_.size(); i += steps_[i].together) {
    size_t end = i + 1;
    while (is_product(i) && end < steps_.size() && end - i < kMostTogether && is_product(end) &&
           steps_[end].op->inputs == steps_[i].op->inputs) {
      steps_[end++].together = 0;
    }
    steps_[i].together = end - i;
  }
}

// A value keeps its place until its last reader has run; no op writes over what it reads. The last
// value is what the caller reads: nothing comes after it.
void Plan::place_values() {
  const std::vector<size_t> last = last_uses(graph_, steps_);
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

}  // namespace plumb::candidates::cpu
