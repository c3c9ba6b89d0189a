// What a kernel is given beside its op: values, weights, the sequences of the call, threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "base/parallel.h"
#include "candidates/cpu/call/rope_tables.h"
#include "candidates/cpu/call/sequence.h"
#include "candidates/cpu/call/step.h"
#include "candidates/cpu/simd/scratch.h"
#include "candidates/cpu/simd/values.h"

namespace plumb::candidates::cpu {

struct Context {
  const Step& step;
  std::span<const Rows> in;
  std::span<const Rows> out;
  // The rows of all sequences of a call are stacked in their order.
  std::span<const Sequence> sequences;
  const base::Threads& threads;
  Scratch& scratch;
  RopeTables& ropes;

  const Weight& weight(size_t index) const { return *step.weights[index]; }
  bool has_weight(size_t index) const { return index < step.weights.size(); }
  size_t rows() const { return out[0].rows; }
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

// The values of part g of a row: those as wide as one part are shared by all, as none are.
inline std::span<const float> part_of(std::span<const float> values, size_t g, size_t width) {
  return values.size() <= width ? values : values.subspan(g * width, width);
}

// Floats of a piece of work on rows or elements: enough to be worth a thread's while.
inline constexpr size_t kFloatsOfAPiece = size_t{1} << 14;

// Rows of the output that make a piece of work.
inline size_t rows_of_a_piece(const Context& context) {
  return std::max<size_t>(1, kFloatsOfAPiece / context.out[0].width);
}

// Calls body(first row, end) for pieces of the rows.
template <class Body>
void for_rows(const Context& context, Body&& body) {
  context.threads.for_ranges(context.rows(), rows_of_a_piece(context), body);
}

// The same for the rows of one sequence, counted from its first.
template <class Body>
void for_rows_of(const Context& context, const Sequence& sequence, Body&& body) {
  context.threads.for_ranges(sequence.rows(), rows_of_a_piece(context), body);
}

// Calls body(first element, count) for pieces of the values, of ops that treat all elements alike.
template <class Body>
void for_elements(const Context& context, Body&& body) {
  context.threads.for_ranges(context.rows() * context.out[0].width, kFloatsOfAPiece,
                             [&](size_t begin, size_t end) { body(begin, end - begin); });
}

}  // namespace plumb::candidates::cpu
