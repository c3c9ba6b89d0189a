#include "candidates/cpu/delta/delta_chunks.h"

#include <algorithm>

#include "candidates/cpu/simd/buffer.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/delta/delta_chunks.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/delta/delta_block-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

// The table of a chunk in its parts; of rows and columns only j <= i is filled.
template <class T>
struct Table {
  explicit Table(T* memory)
      : from_start(memory),
        to_end(from_start + kChunk),
        of_keys(to_end + kChunk),
        of_queries(of_keys + kChunk * kChunk) {}

  T* from_start;  // D(., i)
  T* to_end;      // D(j, end)
  T* of_keys;     // [i, j]: beta_i D(j, i) (k_i . k_j), j < i
  T* of_queries;  // [i, j]: D(j, i) (q_i . k_j)
};

HWY_INLINE float dot(const float* a, const float* b, size_t n) {
  const F d;
  const size_t lanes = hn::Lanes(d);
  hn::Vec<F> sums[2] = {hn::Zero(d), hn::Zero(d)};
  size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    for (size_t half = 0; half < 2; ++half) {
      const size_t at = i + half * lanes;
      sums[half] = hn::MulAdd(hn::LoadU(d, a + at), hn::LoadU(d, b + at), sums[half]);
    }
  }
  for (; i < n; i += lanes) {
    sums[0] = hn::MulAdd(load_some(d, a + i, n - i), load_some(d, b + i, n - i), sums[0]);
  }
  return sum_of_lanes(d, hn::Add(sums[0], sums[1]));
}

void tabulate(const DeltaHead& head, size_t first, float* memory) {
  const Table<float> table(memory);
  const size_t count = std::min(kChunk, head.tokens - first);
  float decays[kChunk];  // D(j, i) of the current i
  float whole = 1.0f;
  for (size_t i = 0; i < count; ++i) {
    const size_t t = first + i;
    const float decay = *head.decay.at(t);
    const float beta = *head.beta.at(t);
    whole *= decay;
    table.from_start[i] = whole;
    for (size_t j = 0; j < i; ++j) decays[j] *= decay;
    decays[i] = 1.0f;
    for (size_t j = 0; j <= i; ++j) {
      const float* const key = head.k.at(first + j);
      table.of_queries[i * kChunk + j] = decays[j] * dot(head.q.at(t), key, head.key_dim);
      if (j == i) continue;
      table.of_keys[i * kChunk + j] = beta * decays[j] * dot(head.k.at(t), key, head.key_dim);
    }
  }
  std::copy_n(decays, count, table.to_end);
}

// The tokens [first, first + count) of a block.
class Chunk {
 public:
  HWY_INLINE Chunk(const DeltaBlock& block, size_t first, const float* table, float* scratch)
      : block_(block),
        head_(block.head()),
        first_(first),
        count_(std::min(kChunk, head_.tokens - first)),
        table_(table),
        deltas_(scratch),
        answers_(scratch + kChunk * columns_of_a_block()) {}

  HWY_INLINE void run() const {
    size_t i = 0;
    const size_t next = std::min(first_ + 2 * kChunk, head_.tokens);
    for (size_t t = first_ + count_; t < next; ++t) block_.prefetch(t);
    for (; i + kTokens <= count_; i += kTokens) read<kTokens>(i);
    for (; i < count_; ++i) read<1>(i);
    for (i = 0; i < count_; ++i) settle(i);
    for (i = 0; i < count_; ++i) scale_delta(i);
    for (i = 0; i + kRows <= head_.key_dim; i += kRows) write<kRows>(i);
    for (; i < head_.key_dim; ++i) write<1>(i);
  }

 private:
  // What the registers of the target hold.
  static constexpr size_t kTokens = HWY_TARGET == HWY_AVX3 ? 4 : 2;
  static constexpr size_t kRows = 2 * kTokens;

  HWY_INLINE float* delta(size_t i, size_t v) const {
    return deltas_ + (i * kVectors + v) * hn::Lanes(F());
  }
  HWY_INLINE float* answer(size_t i, size_t v) const {
    return answers_ + (i * kVectors + v) * hn::Lanes(F());
  }

  // S^T k and S^T q of kCount tokens from i on: into delta and answer.
  template <size_t kCount>
  HWY_INLINE void read(size_t i) const {
    const F d;
    hn::Vec<F> keys[kCount][kVectors];
    hn::Vec<F> queries[kCount][kVectors];
    for (size_t n = 0; n < kCount; ++n) {
      for (size_t v = 0; v < kVectors; ++v) keys[n][v] = queries[n][v] = hn::Zero(d);
    }
    for (size_t r = 0; r < head_.key_dim; ++r) {
      hn::Vec<F> s[kVectors];
      for (size_t v = 0; v < kVectors; ++v) s[v] = hn::Load(d, block_.row(r, v));
      for (size_t n = 0; n < kCount; ++n) {
        const auto k = hn::Set(d, head_.k.at(first_ + i + n)[r]);
        const auto q = hn::Set(d, head_.q.at(first_ + i + n)[r]);
        for (size_t v = 0; v < kVectors; ++v) {
          keys[n][v] = hn::MulAdd(k, s[v], keys[n][v]);
          queries[n][v] = hn::MulAdd(q, s[v], queries[n][v]);
        }
      }
    }
    for (size_t n = 0; n < kCount; ++n) {
      for (size_t v = 0; v < kVectors; ++v) {
        hn::Store(keys[n][v], d, delta(i + n, v));
        hn::Store(queries[n][v], d, answer(i + n, v));
      }
    }
  }

  // Token i from what its key and query read: its delta, and its answer.
  HWY_INLINE void settle(size_t i) const {
    const F d;
    const size_t t = first_ + i;
    const auto decay = hn::Set(d, table_.from_start[i]);
    const auto beta = hn::Set(d, *head_.beta.at(t));
    hn::Vec<F> change[kVectors];
    hn::Vec<F> y[kVectors];
    for (size_t v = 0; v < kVectors; ++v) {
      const auto held = hn::Load(d, delta(i, v));
      change[v] = hn::Mul(beta, hn::NegMulAdd(decay, held, block_.value(t, v)));
      y[v] = hn::Mul(decay, hn::Load(d, answer(i, v)));
    }
    for (size_t j = 0; j < i; ++j) {
      const auto of_key = hn::Set(d, table_.of_keys[i * kChunk + j]);
      const auto of_query = hn::Set(d, table_.of_queries[i * kChunk + j]);
      for (size_t v = 0; v < kVectors; ++v) {
        const auto earlier = hn::Load(d, delta(j, v));
        change[v] = hn::NegMulAdd(of_key, earlier, change[v]);
        y[v] = hn::MulAdd(of_query, earlier, y[v]);
      }
    }
    const auto of_query = hn::Set(d, table_.of_queries[i * kChunk + i]);
    for (size_t v = 0; v < kVectors; ++v) {
      hn::Store(change[v], d, delta(i, v));
      block_.answer(t, v, hn::MulAdd(of_query, change[v], y[v]));
    }
  }

  HWY_INLINE void scale_delta(size_t i) const {
    const auto decay = hn::Set(F(), table_.to_end[i]);
    for (size_t v = 0; v < kVectors; ++v) {
      hn::Store(hn::Mul(decay, hn::Load(F(), delta(i, v))), F(), delta(i, v));
    }
  }

  // Rows [r, r + kCount) of the state: decayed, and what the tokens add to them.
  template <size_t kCount>
  HWY_INLINE void write(size_t r) const {
    const F d;
    const auto decay = hn::Set(d, table_.from_start[count_ - 1]);
    hn::Vec<F> s[kCount][kVectors];
    for (size_t n = 0; n < kCount; ++n) {
      for (size_t v = 0; v < kVectors; ++v) {
        s[n][v] = hn::Mul(decay, hn::Load(d, block_.row(r + n, v)));
      }
    }
    for (size_t j = 0; j < count_; ++j) {
      const float* const key = head_.k.at(first_ + j) + r;
      hn::Vec<F> change[kVectors];
      for (size_t v = 0; v < kVectors; ++v) change[v] = hn::Load(d, delta(j, v));
      for (size_t n = 0; n < kCount; ++n) {
        const auto k = hn::Set(d, key[n]);
        for (size_t v = 0; v < kVectors; ++v) s[n][v] = hn::MulAdd(k, change[v], s[n][v]);
      }
    }
    for (size_t n = 0; n < kCount; ++n) {
      for (size_t v = 0; v < kVectors; ++v) hn::Store(s[n][v], d, block_.row(r + n, v));
    }
  }

  const DeltaBlock& block_;
  const DeltaHead& head_;
  size_t first_;
  size_t count_;
  Table<const float> table_;
  float* deltas_;
  float* answers_;
};

void run_block(const DeltaHead& head, size_t column, const float* tables, float* scratch) {
  float* const rows = scratch + 2 * kChunk * columns_of_a_block();
  const DeltaBlock block(head, column, rows);
  for (size_t first = 0; first < head.tokens; first += kChunk, tables += kChunkTable) {
    Chunk(block, first, tables, scratch).run();
  }
  block.write_back();
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(tabulate);
HWY_EXPORT(run_block);

size_t chunk_scratch(size_t key_dim) {
  return (key_dim + 2 * kChunk) * kMostBlockColumns;
}

void tabulate_chunk(const DeltaHead& head, size_t first, float* table) {
  HWY_DYNAMIC_DISPATCH(tabulate)(head, first, table);
}

void run_chunks(const DeltaHead& head, size_t column, const float* tables, float* scratch) {
  HWY_DYNAMIC_DISPATCH(run_block)(head, column, tables, scratch);
}

}  // namespace plumb::candidates::cpu
#endif
