// What a kernel is given beside its values: the op, the sequences of the call, weights, threads.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/parallel.h"
#include "graph/graph.h"
#include "model/weights.h"
#include "reference/deviation.h"
#include "reference/matrix.h"
#include "reference/state.h"

namespace plumb::reference {

// In place of the first expert of a position: it chooses by itself.
inline constexpr double kFreeChoice = -1.0;

// One sequence of a call. The rows of all sequences of a call are stacked in their order.
struct Sequence {
  std::span<const int64_t> tokens;
  int64_t first_position = 0;
  // Positions of the whole sequence, on which a dynamic rope depends; 0: up to the last of these.
  int64_t total_positions = 0;
  // What it carries from its earlier calls, and takes on from this one; null: it begins and ends
  // here.
  State* state = nullptr;

  size_t rows() const { return tokens.size(); }
  double length() const {
    return static_cast<double>(total_positions > 0
                                   ? total_positions
                                   : first_position + static_cast<int64_t>(tokens.size()));
  }
};

struct Context {
  const graph::Op& op;
  std::span<const Sequence> sequences;
  const model::Weights& weights;
  const base::Threads& threads;
  // The first of how many equal sequences each one is: replicas of one prompt, whose noise has one
  // size and is sized on the first.
  size_t replicas = 1;
  const Matrix* choices = nullptr;  // of experts, where they are given
  const Deviation& deviation = kNone;
  std::optional<size_t> slot;  // of the graph, where the op has one
  // Of each row, the first of its sequence that the op is given the same of (alike.h); empty: each
  // is the only one. An engine makes the same of the same, errors and all: they share their noise.
  std::span<const size_t> alike = {};

  inline static const Deviation kNone;

  const model::WeightView& weight(size_t index) const { return weights.at(op.weights[index]); }
  // The row whose noise row t has.
  size_t noise_row(size_t t) const { return alike.empty() ? t : alike[t]; }
  bool has_weight(size_t index) const { return index < op.weights.size(); }
  // The tensors that the op keeps of a sequence; null where nothing is carried on.
  std::vector<Matrix>* kept(const Sequence& sequence) const {
    return sequence.state == nullptr || !slot ? nullptr : &sequence.state->slot(*slot);
  }
};

// Calls visit(sequence, first row) for each sequence.
template <class Visit>
void for_sequences(const Context& context, Visit&& visit) {
  size_t first = 0;
  for (const Sequence& sequence : context.sequences) {
    visit(sequence, first);
    first += sequence.rows();
  }
}

// Replicas of a sequence stand one under another, `rows` each; one without replicas is a group by
// itself.
struct Group {
  size_t sequence;  // the index of the first
  size_t first;     // row of it
  size_t rows;
  size_t replicas;
};

// Calls visit(group) for each group of replicas.
template <class Visit>
void for_replicas(const Context& context, Visit&& visit) {
  size_t first = 0;
  for (size_t i = 0; i < context.sequences.size(); i += context.replicas) {
    const Group group{i, first, context.sequences[i].rows(), context.replicas};
    visit(group);
    first += group.replicas * group.rows;
  }
}

// Rows a piece of work on rows takes: enough to be worth a thread's while.
inline constexpr size_t kRowGrain = 64;

}  // namespace plumb::reference
