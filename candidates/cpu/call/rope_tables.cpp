#include "candidates/cpu/call/rope_tables.h"

#include <algorithm>
#include <cmath>

#include "graph/rope_frequencies.h"

namespace plumb::candidates::cpu {
namespace {

constexpr size_t kRowGrain = 16;

}  // namespace

void RopeTables::begin(std::span<const Sequence> sequences) {
  sequences_ = sequences;
  for (Table& table : tables_) table.valid = false;
}

const RopeTables::Table& RopeTables::get(const model::RopeSpec& rope,
                                         const base::Threads& threads) {
  auto found = std::find_if(tables_.begin(), tables_.end(),
                            [&](const Table& table) { return table.rope == rope; });
  if (found == tables_.end()) {
    tables_.push_back({.rope = rope, .half = static_cast<size_t>(rope.rotary_dim) / 2});
    found = tables_.end() - 1;
  }
  if (!found->valid) fill(*found, threads);
  found->valid = true;
  return *found;
}

void RopeTables::fill(Table& table, const base::Threads& threads) const {
  size_t rows = 0;
  for (const Sequence& sequence : sequences_) rows += sequence.rows();
  table.values.resize(rows * 2 * table.half);
  const double factor = table.rope.attention_factor;
  size_t first = 0;
  for (const Sequence& sequence : sequences_) {
    if (table.frequencies.empty() || graph::depends_on_length(table.rope)) {
      table.frequencies = graph::inverse_frequencies(table.rope, sequence.length());
    }
    threads.for_ranges(sequence.rows(), kRowGrain, [&](size_t begin, size_t end) {
      for (size_t t = begin; t < end; ++t) {
        const double position =
            static_cast<double>(sequence.session->position()) + static_cast<double>(t);
        float* const row = &table.values[(first + t) * 2 * table.half];
        for (size_t i = 0; i < table.half; ++i) {
          const double angle = position * table.frequencies[i];
          row[i] = static_cast<float>(factor * std::cos(angle));
          row[table.half + i] = static_cast<float>(factor * std::sin(angle));
        }
      }
    });
    first += sequence.rows();
  }
}

}  // namespace plumb::candidates::cpu
