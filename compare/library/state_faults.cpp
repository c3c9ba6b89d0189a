#include "compare/library/state_faults.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <memory>

#include "compare/evidence/truth.h"
#include "graph/segment.h"

namespace plumb::library {
namespace {

using evidence::replay;
using evidence::Values;
using reference::Matrix;
using reference::Request;
using Tensors = std::vector<Matrix>;

// One slot as a call finds it.
struct Found {
  Tensors& now;
  const Tensors& before;          // as the call before this one found it
  size_t last_call;               // positions of the call before
  size_t window = 0;              // of an attention that has one
  size_t key_dim = 0;             // of a delta rule
  const double* decay = nullptr;  // its log-decays at the position that comes, one a head
};

void drop_newest(Matrix& rows, size_t count) {
  rows = reference::rows_of(rows, 0, rows.shape(0) - std::min(count, rows.shape(0)));
}

void drop_oldest(Matrix& rows, size_t count) {
  rows = reference::rows_of(rows, std::min(count, rows.shape(0)), rows.shape(0));
}

void add_zero_row(Matrix& rows, size_t most) {
  Matrix zero = reference::make_matrix(1, rows.shape(1));
  zero.fill(0.0);
  rows = reference::appended(rows, zero, 0, 1, most);
}

void for_all(Tensors& tensors, const std::function<void(Matrix&)>& edit) {
  for (Matrix& tensor : tensors) edit(tensor);
}

// An edit of one slot between two calls.
struct Edit {
  const char* id;
  const char* says;  // after "layer 2 "
  void (*apply)(const Found& found);
  bool decoding = false;  // only where a call of one token came before
  bool windowed = false;  // only where there is a window
};

constexpr Edit kCacheEdits[] = {
    {"cache_lost", "loses its keys and values between calls",
     [](const Found& f) { for_all(f.now, [](Matrix& m) { drop_newest(m, m.shape(0)); }); }},
    {"cache_position_early",
     "writes its cache one position too early: each call overwrites the last key and value",
     [](const Found& f) { for_all(f.now, [](Matrix& m) { drop_newest(m, 1); }); }},
    {"cache_position_late", "writes its cache one position too late: each call leaves a gap",
     [](const Found& f) { for_all(f.now, [&](Matrix& m) { add_zero_row(m, f.window); }); }},
    {"ring_early", "overwrites the oldest key and value of its window one step early",
     [](const Found& f) {
       for_all(f.now, [&](Matrix& m) {
         if (m.shape(0) + 1 >= f.window) drop_oldest(m, m.shape(0) + 2 - f.window);
       });
     },
     false, true},
    {"ring_half", "loses the older half of its window once that has turned over",
     [](const Found& f) {
       for_all(f.now, [&](Matrix& m) {
         if (m.shape(0) + 1 >= f.window) drop_oldest(m, m.shape(0) / 2);
       });
     },
     false, true},
    {"cache_not_updated", "does not store the keys and values of single tokens",
     [](const Found& f) { f.now = f.before; }, true},
    {"keys_stale", "keeps old keys: those of the call before are not stored",
     [](const Found& f) {
       Matrix& k = f.now.front();
       const size_t rows = std::min(f.last_call, k.shape(0));
       std::fill(k.data() + (k.shape(0) - rows) * k.shape(1), k.data() + k.size(), 0.0);
     }},
};

constexpr Edit kConvEdits[] = {
    {"conv_lost", "starts its convolution anew with each call",
     [](const Found& f) { drop_newest(f.now.front(), f.now.front().shape(0)); }},
    {"conv_shifted", "shifts the inputs kept for its convolution: the last one is left out",
     [](const Found& f) { drop_newest(f.now.front(), 1); }},
    {"conv_shifted", "shifts the inputs kept for its convolution: one too many",
     [](const Found& f) { add_zero_row(f.now.front(), f.now.front().shape(0)); }},
    {"conv_shifted", "shifts the inputs kept for its convolution: the last one counts twice",
     [](const Found& f) {
       Matrix& m = f.now.front();
       if (m.shape(0) == 0) return;
       const Matrix last = reference::rows_of(m, m.shape(0) - 1, m.shape(0));
       m = reference::appended(m, last, 0, 1, m.shape(0));
     }},
    {"conv_not_updated", "does not update its convolution's inputs in decoding",
     [](const Found& f) { f.now = f.before; }, true},
};

void scale_by_decay(const Found& f, double power) {
  Matrix& s = f.now.front();
  for (size_t r = 0; r < s.shape(0); ++r) {  // heads stand one under another
    const double factor = std::exp(power * f.decay[r / f.key_dim]);
    for (size_t j = 0; j < s.shape(1); ++j) s(r, j) *= factor;
  }
}

constexpr Edit kRecurrentEdits[] = {
    {"recurrent_lost", "starts its recurrent state anew with each call",
     [](const Found& f) { f.now.front().fill(0.0); }},
    {"decay_twice", "applies its decay twice where a call begins",
     [](const Found& f) { scale_by_decay(f, 1.0); }},
    {"decay_missing", "leaves its decay out where a call begins",
     [](const Found& f) { scale_by_decay(f, -1.0); }},
    {"recurrent_not_updated", "does not update its recurrent state in decoding",
     [](const Found& f) { f.now = f.before; }, true},
};

std::span<const Edit> edits_for(const graph::OpKind& kind) {
  if (std::holds_alternative<graph::Attention>(kind)) return kCacheEdits;
  if (std::holds_alternative<graph::CausalConv>(kind)) return kConvEdits;
  return kRecurrentEdits;
}

// Indices of slots.
using Slots = std::vector<size_t>;

class Lister {
 public:
  Lister(const StateScene& scene, const std::vector<size_t>& ops)
      : scene_(scene), graph_(scene.reference.graph()), calls_(calls_of(scene.prompt)) {
    for (size_t i = 0; i < graph_.slots.size(); ++i) {
      const bool inside = std::find(ops.begin(), ops.end(), graph_.slots[i].op) != ops.end();
      if (inside && !graph_.slots[i].outputs) inside_.push_back(i);
    }
    for (const size_t op : ops) turns_ |= turns_with_position(graph_.ops[op].kind);
  }

  std::vector<StateFault> list() {
    if (calls_.size() > 1) {
      list_edits();
      list_positions();
    } else {
      list_leaks();
    }
    return std::move(faults_);
  }

 private:
  const graph::OpKind& kind_of(size_t slot) const { return graph_.ops[graph_.slots[slot].op].kind; }
  int layer_of(size_t slot) const { return graph_.ops[graph_.slots[slot].op].layer; }

  // The mistake in one slot, and in all of its kind.
  void list_edits() {
    std::map<size_t, Slots> kinds;
    for (const size_t slot : inside_) kinds[kind_of(slot).index()].push_back(slot);
    for (const auto& [kind, slots] : kinds) {
      for (const Edit& edit : edits_for(kind_of(slots.front()))) {
        Slots struck;
        for (const size_t slot : slots) {
          if (applies(edit, slot)) struck.push_back(slot);
        }
        if (struck.size() > 1) add(edit, struck, "every layer of the kind ");
        for (const size_t slot : struck)
          add(edit, {slot}, fmt::format("layer {} ", layer_of(slot)));
      }
      add_wide_windows(slots);
      add_forgotten_sinks(slots);
    }
  }

  bool has_window(size_t slot) const {
    const auto* attention = std::get_if<graph::Attention>(&kind_of(slot));
    return attention != nullptr && attention->window > 0;
  }

  bool has_sinks(size_t slot) const { return !graph_.ops[graph_.slots[slot].op].weights.empty(); }

  // Beyond the first call a key more than the window is seen.
  void add_wide_windows(const Slots& slots) {
    reference::Deviation wider;
    wider.wider_window = 1;
    const Edit edit{"window_wide", "sees a key more than its window once keys come from the cache",
                    [](const Found&) {}};
    add_deviation(
        slots, edit, wider, [this](size_t slot) { return has_window(slot); },
        [](size_t) { return true; });
  }

  // A token at a time takes another way, which forgets the sinks.
  void add_forgotten_sinks(const Slots& slots) {
    if (!std::holds_alternative<graph::Attention>(kind_of(slots.front()))) return;
    reference::Deviation sinkless;
    sinkless.sinkless = true;
    const Edit edit{"sinks_missing", "leaves the attention sinks out where a token comes alone",
                    [](const Found&) {}};
    add_deviation(
        slots, edit, sinkless, [this](size_t slot) { return has_sinks(slot); },
        [calls = calls_](size_t call) { return calls[call] == 1; });
  }

  // The mistake made by the ops of some slots in some calls, the first left out.
  template <class Strikes, class When>
  void add_deviation(const Slots& slots, const Edit& edit, const reference::Deviation& deviation,
                     Strikes strikes, When when) {
    Slots struck;
    for (const size_t slot : slots) {
      if (strikes(slot)) struck.push_back(slot);
    }
    const auto add_to = [&](const Slots& some, const std::string& who) {
      add(edit, some, who);
      auto deviations = std::make_shared<reference::Deviations>();
      for (const size_t slot : some) (*deviations)[graph_.slots[slot].op] = deviation;
      faults_.back().make = [deviations, when] {
        return [deviations, when](size_t call, Request& request) {
          request.deviations = call > 0 && when(call) ? deviations.get() : nullptr;
        };
      };
    };
    if (struck.size() > 1) add_to(struck, "every layer of the kind ");
    for (const size_t slot : struck) add_to({slot}, fmt::format("layer {} ", layer_of(slot)));
  }

  bool applies(const Edit& edit, size_t slot) const {
    if (edit.windowed && !has_window(slot)) return false;
    return !edit.decoding || std::find(calls_.begin(), calls_.end(), 1U) != calls_.end();
  }

  std::vector<std::string> names_of(const Slots& slots) const {
    std::vector<std::string> names;
    for (const size_t slot : slots) {
      for (const auto& tensor : graph_.slots[slot].tensors) names.push_back(tensor.tap.name());
    }
    return names;
  }

  void add(const Edit& edit, const Slots& slots, const std::string& who) {
    StateFault fault{
        .id = std::string("state_") + edit.id,
        .says = who + edit.says,
        .layer = {},
        .slots = names_of(slots),
        .make = [this_graph = &graph_, calls = calls_, edit, slots, decays = decays()] {
          return between(*this_graph, calls, edit, slots, decays);
        }};
    if (slots.size() == 1) fault.layer = layer_of(slots.front());
    faults_.push_back(std::move(fault));
  }

  // The log-decays of every layer that has them, [T, heads].
  using Decays = std::shared_ptr<const Values>;
  Decays decays() {
    if (decays_) return decays_;
    std::vector<trace::Tap> taps;
    for (const trace::Tap& tap : graph_.taps()) {
      if (tap.id == trace::TapId::kGdnDecay) taps.push_back(tap);
    }
    decays_ = std::make_shared<const Values>(
        taps.empty() ? Values() : replay(scene_.reference, scene_.prompt.tokens, taps, {}));
    return decays_;
  }

  static reference::Between between(const graph::Graph& graph, std::vector<size_t> calls,
                                    const Edit& edit, const Slots& slots, const Decays& decays) {
    auto before = std::make_shared<std::map<size_t, Tensors>>();
    return [&graph, calls, edit, slots, decays, before](size_t call, Request& request) {
      reference::State& state = *request.sequences.front().state;
      for (const size_t slot : slots) {
        Tensors& now = state.slot(slot);
        if (call > 0 && (!edit.decoding || calls[call - 1] == 1)) {
          edit.apply(find(graph, slot, now, before->at(slot), calls[call - 1], state, *decays));
        }
        (*before)[slot] = now;
      }
    };
  }

  static Found find(const graph::Graph& graph, size_t slot, Tensors& now, const Tensors& before,
                    size_t last_call, const reference::State& state, const Values& decays) {
    const graph::Op& op = graph.ops[graph.slots[slot].op];
    Found found{.now = now, .before = before, .last_call = last_call};
    if (const auto* attention = std::get_if<graph::Attention>(&op.kind)) {
      found.window = static_cast<size_t>(attention->window);
    }
    if (const auto* rule = std::get_if<graph::GatedDeltaRule>(&op.kind)) {
      found.key_dim = static_cast<size_t>(rule->key_dim);
      found.decay =
          &decays.at({trace::TapId::kGdnDecay, op.layer})(static_cast<size_t>(state.position), 0);
    }
    return found;
  }

  // Positions that a rope turns by; what is kept is right.
  void list_positions() {
    if (!turns_) return;
    const auto add_position = [&](const char* id, const char* says, int64_t (*wrong)(int64_t)) {
      faults_.push_back({.id = std::string("state_") + id,
                         .says = says,
                         .layer = {},
                         .slots = {"position"},
                         .make = [wrong] {
                           return [wrong](size_t call, Request& request) {
                             if (call == 0) return;
                             int64_t& position = request.sequences.front().first_position;
                             position = wrong(position);
                           };
                         }});
    };
    add_position("position_restarts", "positions start anew with each call",
                 [](int64_t) -> int64_t { return 0; });
    add_position("position_late", "positions are one too high in every call but the first",
                 [](int64_t p) { return p + 1; });
    add_position("position_early", "positions are one too low in every call but the first",
                 [](int64_t p) { return p - 1; });
  }

  // What another sequence left behind, or keeps beside this one.
  void list_leaks() {
    const bool batch = scene_.prompt.run == trace::kBatch;
    for (const trace::Prompt& other : scene_.others) {
      if (other.tokens == scene_.prompt.tokens) continue;
      const auto left = std::make_shared<reference::State>(state_after(other));
      std::map<size_t, Slots> kinds;
      for (const size_t slot : inside_) kinds[kind_of(slot).index()].push_back(slot);
      for (const auto& [kind, slots] : kinds) {
        if (slots.size() > 1) add_leak(other, left, slots, batch);
        for (const size_t slot : slots) add_leak(other, left, {slot}, batch);
      }
      if (inside_.size() > 1) add_leak(other, left, inside_, batch);
    }
  }

  reference::State state_after(const trace::Prompt& other) const {
    reference::State state(graph_);
    reference::Request request;
    request.sequences = {{.tokens = other.tokens, .state = &state}};
    scene_.reference.run(request);
    return state;
  }

  void add_leak(const trace::Prompt& other, const std::shared_ptr<reference::State>& left,
                const Slots& slots, bool batch) {
    const std::string who = slots.size() == 1 ? fmt::format("layer {}", layer_of(slots.front()))
                                              : std::string("every layer of the kind");
    StateFault fault{
        .id = batch ? "state_batch_leak" : "state_not_reset",
        .says = batch ? fmt::format("{} takes what {} keeps for its own", who, other.name)
                      : fmt::format("{} is not reset: it keeps what {} left", who, other.name),
        .layer = {},
        .slots = names_of(slots),
        .make = [left, slots] {
          return [left, slots](size_t, Request& request) {
            for (const size_t slot : slots) {
              request.sequences.front().state->slot(slot) = left->slot(slot);
            }
          };
        }};
    if (slots.size() == 1) fault.layer = layer_of(slots.front());
    faults_.push_back(std::move(fault));
  }

  const StateScene& scene_;
  const graph::Graph& graph_;
  std::vector<size_t> calls_;
  Slots inside_;
  bool turns_ = false;
  Decays decays_;
  std::vector<StateFault> faults_;
};

}  // namespace

std::vector<StateFault> state_faults(const StateScene& scene, const std::vector<size_t>& ops) {
  return Lister(scene, ops).list();
}

std::vector<size_t> calls_of(const trace::Prompt& prompt) {
  return prompt.pieces.empty() ? std::vector<size_t>{prompt.tokens.size()} : prompt.pieces;
}

}  // namespace plumb::library
