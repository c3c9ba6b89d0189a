// One query head of one sequence: where its queries, keys and values lie, and who sees what.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "candidates/cpu/call/context.h"
#include "graph/ops.h"

namespace plumb::candidates::cpu {

struct Range {
  size_t begin;
  size_t end;

  size_t size() const { return end > begin ? end - begin : 0; }
};

// Consecutive keys and values in memory, those numbered [range.begin, range.end); the strides are
// the distances of their rows, in floats.
struct KeyStretch {
  const float* k;
  const float* v;
  size_t k_stride;
  size_t v_stride;
  Range range;
};

// Keys are numbered from the oldest that the cache keeps; those of the call come after them.
struct HeadView {
  const graph::Attention& op;
  const float* q;  // of the sequence's first row
  float* out;
  size_t q_stride;
  size_t out_stride;
  const float* sink;                    // the head's, or null
  double slope;                         // of its linear biases
  double first_position;                // of key 0
  size_t kept;                          // keys in the cache
  std::array<KeyStretch, 3> stretches;  // two of the cache, one of the call

  size_t key_dim() const { return static_cast<size_t>(op.head_dim); }
  size_t value_dim() const { return static_cast<size_t>(op.value_dim); }
  const float* query(size_t t) const { return q + t * q_stride; }
  float* output(size_t t) const { return out + t * out_stride; }

  // The keys that row t of the call sees.
  Range visible(size_t t) const {
    const size_t end = kept + t + 1;
    const auto window = static_cast<size_t>(op.window);
    return {window > 0 && end > window ? end - window : 0, end};
  }

  bool is_biased() const { return !op.alibi.slopes.empty(); }
  // What the position of a key adds to the score, before the scale.
  double bias(size_t key) const;
  // To be taken off every bias of a query, which keeps them small: what the query's own key has. A
  // softmax does not see what all keys have in common; a cap does.
  double common_bias(size_t query) const { return op.soft_cap > 0.0 ? 0.0 : bias(kept + query); }

  // Calls body(stretch) for each stretch's part of `range`.
  template <class Body>
  void for_keys(Range range, Body&& body) const {
    for (const KeyStretch& s : stretches) {
      const Range part{std::max(range.begin, s.range.begin), std::min(range.end, s.range.end)};
      if (part.size() == 0) continue;
      const size_t skipped = part.begin - s.range.begin;
      body(KeyStretch{s.k + skipped * s.k_stride, s.v + skipped * s.v_stride, s.k_stride,
                      s.v_stride, part});
    }
  }
};

// `first_row`: of the sequence among the rows of the call.
HeadView head_view(const graph::Attention& op, const Context& context, const Sequence& sequence,
                   size_t first_row, size_t head);

}  // namespace plumb::candidates::cpu
