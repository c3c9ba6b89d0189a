#include "reference/run.h"

#include <algorithm>
#include <deque>
#include <numeric>
#include <utility>

#include "base/errors.h"
#include "reference/alike.h"
#include "reference/kernels.h"

namespace plumb::reference {
namespace {

using graph::Op;
using graph::ValueId;
using trace::Tap;

// Which ops a request needs, and until which op each value must be kept.
class Schedule {
 public:
  Schedule(const graph::Graph& graph, const Request& request)
      : needed_(graph.ops.size(), false), last_use_(graph.values.size(), -1) {
    std::vector<bool> wanted(graph.values.size(), false);
    const bool keeps_state =
        std::any_of(request.sequences.begin(), request.sequences.end(),
                    [](const Sequence& sequence) { return sequence.state != nullptr; });
    for (size_t i = graph.ops.size(); i-- > 0;) {
      const Op& op = graph.ops[i];
      for (const ValueId id : op.outputs) {
        const auto& taps = graph.value(id).taps;
        const bool tapped = request.wants && std::any_of(taps.begin(), taps.end(), request.wants);
        const bool given = request.forces && std::any_of(taps.begin(), taps.end(), request.forces);
        needed_[i] = needed_[i] || tapped || (wanted[static_cast<size_t>(id)] && !given);
      }
      needed_[i] = needed_[i] || (keeps_state && graph.slot_of(i) != nullptr);
      if (!needed_[i]) continue;
      for (const ValueId id : op.inputs) wanted[static_cast<size_t>(id)] = true;
    }
    for (size_t i = 0; i < graph.ops.size(); ++i) {
      if (!needed_[i]) continue;
      for (const ValueId id : graph.ops[i].inputs) {
        last_use_[static_cast<size_t>(id)] = static_cast<int>(i);
      }
    }
  }

  bool needs(size_t op) const { return needed_[op]; }
  bool is_last_use(ValueId id, size_t op) const {
    return last_use_[static_cast<size_t>(id)] == static_cast<int>(op);
  }
  bool is_used(ValueId id) const { return last_use_[static_cast<size_t>(id)] >= 0; }

 private:
  std::vector<bool> needed_;
  std::vector<int> last_use_;
};

class Run {
 public:
  Run(const graph::Graph& graph, const model::Weights& weights, const base::Threads& threads,
      const Request& request, const Outset* outset, Spares& spares)
      : graph_(graph),
        weights_(weights),
        threads_(threads),
        request_(request),
        outset_(outset),
        spares_(spares),
        schedule_(graph, request),
        values_(graph.values.size()),
        slots_(graph.ops.size()) {
    for (size_t i = 0; i < graph.slots.size(); ++i) slots_[graph.slots[i].op] = i;
    for (const Sequence& sequence : request.sequences) rows_ += sequence.rows();
    // The calls of a sequence have noise of their own.
    const State* const state = request.sequences.front().state;
    if (state != nullptr) call_key_ = static_cast<uint64_t>(state->position) << 32;
  }

  void operator()() {
    if (outset_ != nullptr) set_out();
    for (size_t i = 0; i < graph_.ops.size(); ++i) {
      const Op& op = graph_.ops[i];
      if (schedule_.needs(i)) execute(op, i);
      for (const ValueId id : op.outputs) settle(id, schedule_.needs(i));
      for (const ValueId id : op.inputs) {
        if (schedule_.is_last_use(id, i)) drop(id);
      }
    }
    for (const Sequence& sequence : request_.sequences) {
      if (sequence.state != nullptr) {
        sequence.state->position += static_cast<int64_t>(sequence.rows());
      }
    }
  }

 private:
  Matrix& value(ValueId id) { return values_[static_cast<size_t>(id)]; }

  // Each value that no op makes, a row a token.
  void set_out() {
    for (const auto& [id, all] : outset_->inputs) {
      Matrix& rows = value(id) = spares_.take(rows_, all.shape(1));
      double* to = rows.data();
      for (const Sequence& sequence : request_.sequences) {
        for (const int64_t token : sequence.tokens) {
          to = std::ranges::copy(row(all, static_cast<size_t>(token)), to).out;
        }
      }
      settle(id, true);
    }
  }

  void drop(ValueId id) { spares_.give(std::exchange(value(id), Matrix())); }

  void execute(const Op& op, size_t index) {
    std::vector<const Matrix*> in;
    for (const ValueId id : op.inputs) in.push_back(&value(id));
    const Deviation& deviation = deviation_of(index);
    const Slots before = deviation.restriction ? slots_of(index) : Slots();
    std::vector<Matrix> out = compute_op(op, index, in, deviation);
    if (deviation.restriction) {
      const Restriction& where = *deviation.restriction;
      const Slots after = slots_of(index);
      put_back(index, before);
      restrict(where, compute_op(where.op, index, in, Context::kNone).front(), out.front());
      put_back(index, after);
    }
    for (size_t k = 0; k < out.size(); ++k) value(op.outputs[k]) = std::move(out[k]);
    if (slots_[index] && graph_.slots[*slots_[index]].outputs) keep_output(op, *slots_[index]);
  }

  // What the op keeps of each sequence.
  using Slots = std::vector<std::vector<Matrix>>;
  Slots slots_of(size_t index) const {
    Slots kept;
    for (const Sequence& sequence : request_.sequences) {
      if (slots_[index] && sequence.state != nullptr) {
        kept.push_back(sequence.state->slot(*slots_[index]));
      }
    }
    return kept;
  }
  void put_back(size_t index, const Slots& kept) const {
    for (size_t k = 0; k < kept.size(); ++k) {
      request_.sequences[k].state->slot(*slots_[index]) = kept[k];
    }
  }

  void keep_output(const Op& op, size_t slot) {
    size_t first = 0;
    for (const Sequence& sequence : request_.sequences) {
      if (sequence.state != nullptr) {
        Matrix& kept = sequence.state->slot(slot).front();
        kept = appended(kept, value(op.outputs.front()), first, first + sequence.rows(), 0);
      }
      first += sequence.rows();
    }
  }

  const Deviation& deviation_of(size_t index) const {
    if (request_.deviations == nullptr) return Context::kNone;
    const auto found = request_.deviations->find(index);
    return found == request_.deviations->end() ? Context::kNone : found->second;
  }

  std::vector<Matrix> compute_op(const Op& op, size_t index, Inputs in,
                                 const Deviation& deviation) {
    std::vector<Matrix> out;
    for (const ValueId id : op.outputs) {
      out.push_back(spares_.take(rows_, static_cast<size_t>(graph_.value(id).width())));
    }
    std::vector<size_t> alike;
    if (request_.emulation) {
      const double roundoff = base::unit_roundoff(request_.emulation->contract->accumulate);
      alike = find_alike(op.kind, request_.sequences, in, roundoff);
    }
    const Context context{.op = op,
                          .sequences = request_.sequences,
                          .weights = weights_,
                          .threads = threads_,
                          .replicas = request_.replicas ? request_.sequences.size() : 1,
                          .choices = request_.choices ? request_.choices(op.layer) : nullptr,
                          .deviation = deviation,
                          .slot = slots_[index],
                          .alike = alike};
    const auto dispatch = [&](const auto& a) {
      std::visit([&](const auto& kind) { compute(a, kind, context, in, out); }, op.kind);
    };
    if (request_.emulation) {
      const Emulation& e = *request_.emulation;
      Emulated a(*e.contract, op.kind, circumstances_of(op),
                 base::mix64(e.seed ^ base::mix64(index + call_key_)), e.mode);
      for (const StepRounding& r : deviation.roundings) {
        a.set_rounding(r.step, {base::precision_of(r.dtype)});
      }
      dispatch(a);
    } else {
      dispatch(Exact());
    }
    if (deviation.turned) turn(*deviation.turned, context, out.front());
    if (!deviation.order.empty()) reorder(deviation.order, out.front());
    if (deviation.factor != 1.0) {
      for (Matrix& matrix : out) {
        for (double& v : matrix) v *= deviation.factor;
      }
    }
    return out;
  }

  graph::Circumstances circumstances_of(const Op& op) const {
    graph::Circumstances circumstances{.queries = request_.sequences.front().rows(), .weights = {}};
    if (!op.weights.empty())
      circumstances.weights = weights_.at(op.weights.front()).storage(0, 1).front().storage;
    return circumstances;
  }

  static void turn(const graph::Rope& rope, const Context& context, Matrix& value) {
    const Op op{.kind = rope, .layer = context.op.layer};
    const Context own{op, context.sequences, context.weights, context.threads};
    const Matrix before = value;
    const Matrix* const in[] = {&before};
    compute(Exact(), rope, own, in, std::span(&value, 1));
  }

  static void reorder(const std::vector<size_t>& order, Matrix& value) {
    for (size_t t = 0; t < value.shape(0); ++t) {
      const std::span<double> to = row(value, t);
      const std::vector<double> from(to.begin(), to.end());
      for (size_t j = 0; j < order.size(); ++j) to[j] = from[order[j]];
    }
  }

  // Takes from `other` what lies outside the restriction.
  void restrict(const Restriction& where, const Matrix& other, Matrix& out) const {
    const size_t width = out.shape(1) / static_cast<size_t>(where.heads);
    const size_t first_column = static_cast<size_t>(where.head) * width;
    size_t first = 0;
    for (const Sequence& sequence : request_.sequences) {
      for (size_t t = 0; t < sequence.rows(); ++t) {
        const bool inside =
            t >= where.first_position && (!where.last_position || t + 1 == sequence.rows());
        for (size_t j = 0; j < out.shape(1); ++j) {
          if (inside && j >= first_column && j < first_column + width) continue;
          out(first + t, j) = other(first + t, j);
        }
      }
      first += sequence.rows();
    }
  }

  // Hands the value out, then lets a forced one take its place.
  void settle(ValueId id, bool computed) {
    for (const Tap& tap : graph_.value(id).taps) {
      if (computed && request_.wants && request_.wants(tap)) request_.take(tap, value(id));
    }
    for (const Tap& tap : graph_.value(id).taps) {
      if (!schedule_.is_used(id) || !request_.forces || !request_.forces(tap)) continue;
      std::optional<Matrix> given = request_.forced(tap);
      if (given) value(id) = std::move(*given);
    }
    if (!schedule_.is_used(id)) drop(id);
  }

  const graph::Graph& graph_;
  const model::Weights& weights_;
  const base::Threads& threads_;
  const Request& request_;
  const Outset* outset_;
  Spares& spares_;
  Schedule schedule_;
  std::vector<Matrix> values_;
  std::vector<std::optional<size_t>> slots_;  // by op
  size_t rows_ = 0;
  uint64_t call_key_ = 0;
};

}  // namespace

State Reference::fresh_state(const Sequence& sequence) const {
  State state = outset_ != nullptr && outset_->state ? *outset_->state : State(graph_);
  state.position = sequence.first_position;
  if (outset_ != nullptr && !outset_->positions.empty()) {
    state.position = outset_->positions[static_cast<size_t>(sequence.tokens.front())];
  }
  return state;
}

void Reference::run(const Request& request) const {
  if (outset_ == nullptr) return Run(graph_, weights_, threads_, request, nullptr, spares_)();
  Request whole = request;
  std::deque<State> states;
  for (Sequence& sequence : whole.sequences) {
    if (sequence.state != nullptr) continue;
    State state = fresh_state(sequence);
    sequence.first_position = state.position;
    if (outset_->state) sequence.state = &states.emplace_back(std::move(state));
  }
  Run(graph_, weights_, threads_, whole, outset_, spares_)();
}

void Reference::record(std::span<const int64_t> tokens, const trace::TapFilter& filter,
                       trace::Sink& sink) const {
  Request request;
  request.sequences = {Sequence{tokens}};
  request.wants = [&](const Tap& tap) { return filter.matches(tap); };
  request.take = [&](const Tap& tap, const Matrix& value) {
    sink.put(tap, to_tensor(graph_, tap, value));
  };
  run(request);
}

trace::Tensor to_tensor(const graph::Graph& graph, const Tap& tap, const Matrix& value) {
  return {.shape = graph.tap_shape(tap, value.shape(0)),
          .values = {value.data(), value.data() + value.size()}};
}

}  // namespace plumb::reference
