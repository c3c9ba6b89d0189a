// Three kernels. The naive one is the loop over tokens as the paper has it, a pass over a head's
// state for each of decay, reading, writing and answering. The fused one needs a single pass a
// token: the state's columns are independent of one another (column j meets v[j] alone), so a
// worker takes a few of a head's columns into its scratch, which the nearest cache holds, and a
// pass decays and writes each row, adds it to the answer, and adds it to what the next token's key
// will read. The third takes chunks of tokens (delta_chunks.h).
//
// State and sums are float32. Unit vectors and exp(g) are made once for all heads, in float64, and
// rounded once.
#include <cmath>

#include "candidates/cpu/delta/delta_chunks.h"
#include "candidates/cpu/ops/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/delta/gated_delta_rule.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/delta/delta_block-inl.h"
#include "candidates/cpu/simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

// y = scale x / sqrt(sum x^2 + eps)
void unit(const float* x, size_t n, double eps, double scale, float* y) {
  const auto factor = hn::Set(D(), scale / std::sqrt(dot64(x, x, n) + eps));
  map64(
      n, y, [&](auto v) HWY_ATTR { return hn::Mul(v, factor); }, x);
}

void run_naive(const DeltaHead& head, float* delta) {
  const size_t n = head.value_dim;
  const auto read = [&](const float* x, float* y) HWY_ATTR {
    std::fill_n(y, n, 0.0f);
    for (size_t i = 0; i < head.key_dim; ++i) add_scaled(x[i], head.state + i * n, y, n);
  };
  for (size_t t = 0; t < head.tokens; ++t) {
    const auto decay = hn::Set(F(), *head.decay.at(t));
    const auto beta = hn::Set(F(), *head.beta.at(t));
    map(
        F(), head.key_dim * n, head.state, [&](auto s) HWY_ATTR { return hn::Mul(s, decay); },
        head.state);
    read(head.k.at(t), delta);
    map(
        F(), n, delta, [&](auto v, auto held) HWY_ATTR { return hn::Mul(hn::Sub(v, held), beta); },
        head.v.at(t), delta);
    for (size_t i = 0; i < head.key_dim; ++i) {
      add_scaled(head.k.at(t)[i], delta, head.state + i * n, n);
    }
    read(head.q.at(t), head.out.at(t));
  }
}

// Sums over the rows of a block. The rows are added to two halves in turn: an addition need not
// wait for the one before it, and fewer roundings pile up.
struct Sums {
  hn::Vec<F> half[2][kVectors];

  HWY_INLINE Sums() {
    for (auto& vectors : half) {
      for (auto& v : vectors) v = hn::Zero(F());
    }
  }
  HWY_INLINE hn::Vec<F> total(size_t v) const { return hn::Add(half[0][v], half[1][v]); }
};

// A pass over a block, token by token.
class Passes {
 public:
  HWY_INLINE explicit Passes(const DeltaBlock& block) : block_(block), head_(block.head()) {}

  // What key k reads: S^T k
  HWY_INLINE Sums read(const float* k) const {
    Sums sums;
    for (size_t i = 0; i < head_.key_dim; ++i) {
      const auto factor = hn::Set(F(), k[i]);
      for (size_t v = 0; v < kVectors; ++v) {
        auto& sum = sums.half[i % 2][v];
        sum = hn::MulAdd(factor, hn::Load(F(), block_.row(i, v)), sum);
      }
    }
    return sums;
  }

  // Token t, whose key read `held`; returns what the next one's reads.
  HWY_INLINE Sums step(size_t t, const Sums& held) const {
    const auto decay = hn::Set(F(), *head_.decay.at(t));
    const auto beta = hn::Set(F(), *head_.beta.at(t));
    hn::Vec<F> delta[kVectors];
    for (size_t v = 0; v < kVectors; ++v) {
      delta[v] = hn::Mul(beta, hn::NegMulAdd(decay, held.total(v), block_.value(t, v)));
    }
    const bool is_last = t + 1 == head_.tokens;
    const Keys keys{head_.q.at(t), head_.k.at(t), head_.k.at(is_last ? t : t + 1)};
    Sums answer;
    Sums ahead;
    size_t i = 0;
    for (; i + 2 <= head_.key_dim; i += 2) {
      pass(keys, i, decay, delta, answer.half[0], ahead.half[0]);
      pass(keys, i + 1, decay, delta, answer.half[1], ahead.half[1]);
    }
    if (i < head_.key_dim) pass(keys, i, decay, delta, answer.half[0], ahead.half[0]);
    for (size_t v = 0; v < kVectors; ++v) block_.answer(t, v, answer.total(v));
    return ahead;
  }

 private:
  using Vectors = hn::Vec<F>[kVectors];

  struct Keys {
    const float* q;
    const float* k;
    const float* next_k;
  };

  // Row i of the block: s <- decay s + k_i delta; answer += q_i s; ahead += next_k_i s
  HWY_INLINE void pass(const Keys& keys, size_t i, hn::Vec<F> decay, const Vectors& delta,
                       Vectors& answer, Vectors& ahead) const {
    const auto q = hn::Set(F(), keys.q[i]);
    const auto k = hn::Set(F(), keys.k[i]);
    const auto next_k = hn::Set(F(), keys.next_k[i]);
    for (size_t v = 0; v < kVectors; ++v) {
      const auto s = hn::MulAdd(k, delta[v], hn::Mul(decay, hn::Load(F(), block_.row(i, v))));
      answer[v] = hn::MulAdd(q, s, answer[v]);
      ahead[v] = hn::MulAdd(next_k, s, ahead[v]);
      hn::Store(s, F(), block_.row(i, v));
    }
  }

  const DeltaBlock& block_;
  const DeltaHead& head_;
};

void run_fused(const DeltaHead& head, size_t column, float* scratch) {
  const DeltaBlock block(head, column, scratch);
  const Passes passes(block);
  Sums held = passes.read(head.k.at(0));
  for (size_t t = 0; t < head.tokens; ++t) held = passes.step(t, held);
  block.write_back();
}

size_t block_columns() {
  return columns_of_a_block();
}

bool has_short_vectors() {
  return hn::Lanes(F()) * sizeof(float) < kAlignment;
}

const char* delta_target() {
  return target_name();
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(unit);
HWY_EXPORT(run_naive);
HWY_EXPORT(run_fused);
HWY_EXPORT(block_columns);
HWY_EXPORT(has_short_vectors);
HWY_EXPORT(delta_target);

namespace {

// Where the numbers of a row stand in the shared scratch: q and k of all key heads at unit length,
// exp(g) of all value heads.
struct Prepared {
  Prepared(const graph::GatedDeltaRule& op, float* memory)
      : keys(static_cast<size_t>(op.key_heads) * static_cast<size_t>(op.key_dim)),
        width(2 * keys + static_cast<size_t>(op.value_heads)),
        first(memory) {}

  float* q(size_t row) const { return first + row * width; }
  float* k(size_t row) const { return q(row) + keys; }
  float* decay(size_t row) const { return k(row) + keys; }

  size_t keys;
  size_t width;
  float* first;
};

void prepare(const graph::GatedDeltaRule& op, const Context& context, const Prepared& to) {
  const auto dim = static_cast<size_t>(op.key_dim);
  for_rows(context, [&](size_t begin, size_t end) {
    for (size_t t = begin; t < end; ++t) {
      const float* const q = context.in[0].row(t);
      const float* const g = context.in[2].row(t);
      for (size_t at = 0; at < to.keys; at += dim) {
        HWY_DYNAMIC_DISPATCH(unit)(q + at, dim, op.unit_eps, op.query_scale, to.q(t) + at);
        HWY_DYNAMIC_DISPATCH(unit)(q + to.keys + at, dim, op.unit_eps, 1.0, to.k(t) + at);
      }
      for (size_t h = 0; h < static_cast<size_t>(op.value_heads); ++h) {
        to.decay(t)[h] = static_cast<float>(std::exp(static_cast<double>(g[h])));
      }
    }
  });
}

DeltaHead head_of(const graph::GatedDeltaRule& op, const Context& context, const Prepared& from,
                  const Sequence& sequence, size_t row, size_t h) {
  const auto key_dim = static_cast<size_t>(op.key_dim);
  const auto value_dim = static_cast<size_t>(op.value_dim);
  const size_t key = h / static_cast<size_t>(op.value_heads / op.key_heads) * key_dim;
  const Rows& qkv = context.in[0];
  const Rows& beta = context.in[1];
  const Rows& out = context.out[0];
  return {.tokens = sequence.rows(),
          .key_dim = key_dim,
          .value_dim = value_dim,
          .q = {from.q(row) + key, from.width},
          .k = {from.k(row) + key, from.width},
          .v = {qkv.row(row) + 2 * from.keys + h * value_dim, qkv.width},
          .beta = {beta.row(row) + h, beta.width},
          .decay = {from.decay(row) + h, from.width},
          .out = {out.row(row) + h * value_dim, out.width},
          .state = std::get<RecurrentState>(sequence.session->state(*context.step.slot)).head(h)};
}

// The kernel that a sequence of so many tokens gets. Chunks need fewer operations, which pays where
// vectors are short; with long ones the passes are as fast (plumb_bench, delta_rule, --threads 1:
// ms in passes and in chunks, AVX3 5.7 and 6.0, AVX2 14.0 and 10.8, SSE4 25.8 and 23.7).
Kernel kernel_for(const Context& context, const Sequence& sequence) {
  const Kernel kernel = context.step.kernel;
  if (kernel == Kernel::kNaive) return kernel;
  const bool chunks = kernel == Kernel::kChunked ||
                      (kernel == Kernel::kFastest && HWY_DYNAMIC_DISPATCH(has_short_vectors)());
  return chunks && sequence.rows() >= kChunk ? Kernel::kChunked : Kernel::kFused;
}

std::string_view name_of(Kernel kernel) {
  if (kernel == Kernel::kNaive) return "naive";
  return kernel == Kernel::kFused ? "fused" : "chunks";
}

// `tables`: room for the tables of all heads and chunks, where it takes them.
template <class HeadAt>
void run(Kernel kernel, const Context& context, size_t heads, size_t value_dim, float* tables,
         const HeadAt& head_at) {
  const size_t tokens = head_at(0).tokens;
  const size_t chunks = kernel == Kernel::kChunked ? chunks_of(tokens) : 0;
  context.threads.for_each(heads * chunks, [&](size_t piece) {
    tabulate_chunk(head_at(piece / chunks), piece % chunks * kChunk, tables + piece * kChunkTable);
  });
  const size_t columns =
      kernel == Kernel::kNaive ? value_dim : HWY_DYNAMIC_DISPATCH(block_columns)();
  const size_t blocks = (value_dim + columns - 1) / columns;
  context.threads.for_each_on_worker(heads * blocks, [&](size_t piece, size_t worker) {
    const size_t h = piece / blocks;
    const DeltaHead head = head_at(h);
    const size_t column = piece % blocks * columns;
    float* const scratch = context.scratch.of_worker(worker);
    if (kernel == Kernel::kNaive) {
      HWY_DYNAMIC_DISPATCH(run_naive)(head, scratch);
    } else if (kernel == Kernel::kFused) {
      HWY_DYNAMIC_DISPATCH(run_fused)(head, column, scratch);
    } else {
      run_chunks(head, column, tables + h * chunks * kChunkTable, scratch);
    }
  });
}

}  // namespace

Ran compute(const graph::GatedDeltaRule& op, const Context& context) {
  const Prepared prepared(op, context.scratch.shared());
  prepare(op, context, prepared);
  for_sequences(context, [&](const Sequence& sequence, size_t first_row) {
    run(kernel_for(context, sequence), context, static_cast<size_t>(op.value_heads),
        static_cast<size_t>(op.value_dim), prepared.q(context.rows()),
        [&](size_t h) { return head_of(op, context, prepared, sequence, first_row, h); });
  });
  return {name_of(kernel_for(context, context.sequences.front())),
          HWY_DYNAMIC_DISPATCH(delta_target)()};
}

ScratchSize scratch_for(const graph::GatedDeltaRule& op, const Step& step) {
  const auto heads = static_cast<size_t>(op.value_heads);
  // A chunk is begun for every kChunk tokens, of which there are at least as many.
  const bool chunks = step.kernel == Kernel::kChunked || step.kernel == Kernel::kFastest;
  const size_t tables = chunks ? heads * 2 * kChunkTable / kChunk : 0;
  return {.per_row = Prepared(op, nullptr).width + tables,
          .per_worker = std::max(chunk_scratch(static_cast<size_t>(op.key_dim)),
                                 static_cast<size_t>(op.value_dim))};
}

std::optional<State> initial_state(const graph::GatedDeltaRule& op, const Step&) {
  return RecurrentState(static_cast<size_t>(op.value_heads), static_cast<size_t>(op.key_dim),
                        static_cast<size_t>(op.value_dim));
}

}  // namespace plumb::candidates::cpu
#endif
