// Softmax attention: blocks of rows by gemm for a prompt, single rows in Highway for decoding.
//
// A query sees the keys that the cache keeps and those of its own call, up to itself and no further
// back than the window. Scores accumulate in float64 and are rounded to float32: where one of them
// decides a row, its error is the row's. Scale, cap, exponential and their sum are in float64
// lanes, the values are mixed in float32, and the sum divides at the end. What a row must not see
// is never multiplied by zero: a NaN there stays where it is.
#include <cblas.h>

#include <cmath>

#include "candidates/cpu/head_view.h"
#include "candidates/cpu/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/attention.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

// Scores that are NaN may be passed over.
HWY_INLINE float largest(const float* s, size_t n) {
  const F d;
  const size_t lanes = hn::Lanes(d);
  auto most = hn::Set(d, s[0]);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) most = hn::Max(most, hn::LoadU(d, s + i));
  float result = hn::GetLane(hn::MaxOfLanes(d, most));
  for (; i < n; ++i) result = std::max(result, s[i]);
  return result;
}

// scale x, capped; increasing in x, a scale being positive
HWY_INLINE hn::Vec<D> scaled_and_capped(const graph::Attention& op, hn::Vec<D> x) {
  const auto scaled = hn::Mul(x, hn::Set(D(), op.scale));
  return op.soft_cap > 0.0 ? Capped{op.soft_cap}(scaled) : scaled;
}

// s[i] = exp(z[i] - max z), z the scaled and capped scores, rounded once; returns their sum. A NaN
// among the scores makes the sum one. A sink is one more z, which takes its share of the sum.
HWY_INLINE double exponentiate(const graph::Attention& op, const float* sink, float* s, size_t n) {
  const auto most = hn::Set(D(), static_cast<double>(largest(s, n)));
  double shift = hn::GetLane(scaled_and_capped(op, most));
  if (sink != nullptr) shift = std::max(shift, static_cast<double>(*sink));
  const auto down = hn::Set(D(), shift);
  const auto shifted = [&](auto x)
                           HWY_ATTR { return exp64(hn::Sub(scaled_and_capped(op, x), down)); };
  map64(n, s, shifted, s);
  const double sum = sum64(
      n, [](auto p) HWY_ATTR { return p; }, s);
  return sink == nullptr ? sum : sum + std::exp(static_cast<double>(*sink) - shift);
}

// out[i] += sum_s p[s] v[s * stride + i], i < dim, kVectors vectors of it at a time.
template <size_t kVectors>
HWY_INLINE size_t mix_columns(const float* p, const float* v, size_t stride, size_t count,
                              float* out, size_t begin, size_t dim) {
  const F d;
  const size_t lanes = hn::Lanes(d);
  for (; begin + kVectors * lanes <= dim; begin += kVectors * lanes) {
    hn::Vec<F> sums[kVectors];
    for (size_t j = 0; j < kVectors; ++j) sums[j] = hn::LoadU(d, out + begin + j * lanes);
    for (size_t s = 0; s < count; ++s) {
      const auto weight = hn::Set(d, p[s]);
      for (size_t j = 0; j < kVectors; ++j) {
        sums[j] = hn::MulAdd(weight, hn::LoadU(d, v + s * stride + begin + j * lanes), sums[j]);
      }
    }
    for (size_t j = 0; j < kVectors; ++j) hn::StoreU(sums[j], d, out + begin + j * lanes);
  }
  return begin;
}

HWY_INLINE void mix(const float* p, const float* v, size_t stride, size_t count, float* out,
                    size_t dim) {
  size_t done = mix_columns<8>(p, v, stride, count, out, 0, dim);
  done = mix_columns<1>(p, v, stride, count, out, done, dim);
  for (size_t i = done; i < dim; ++i) {
    for (size_t s = 0; s < count; ++s) out[i] += p[s] * v[s * stride + i];
  }
}

// Adds the values of `range` to row t; p[0] is the probability of key `numbered`.
HWY_INLINE void mix_range(const HeadView& view, size_t t, Range range, const float* p,
                          size_t numbered) {
  view.for_keys(range, [&](const KeyStretch& keys) HWY_ATTR {
    mix(p + (keys.range.begin - numbered), keys.v, keys.v_stride, keys.range.size(), view.output(t),
        view.value_dim());
  });
}

HWY_INLINE void divide(float* out, size_t dim, double divisor) {
  const auto d = hn::Set(D(), divisor);
  map64(
      dim, out, [&](auto x) HWY_ATTR { return hn::Div(x, d); }, out);
}

void attend_row(const HeadView& view, size_t t, float* scores) {
  const Range range = view.visible(t);
  view.for_keys(range, [&](const KeyStretch& keys) HWY_ATTR {
    float* const out = scores + (keys.range.begin - range.begin);
    for (size_t s = 0; s < keys.range.size(); ++s) {
      out[s] = static_cast<float>(dot64(view.query(t), keys.k + s * keys.k_stride, view.key_dim()));
    }
  });
  const double total = exponentiate(view.op, view.sink, scores, range.size());
  std::fill_n(view.output(t), view.value_dim(), 0.0f);
  mix_range(view, t, range, scores, range.begin);
  divide(view.output(t), view.value_dim(), total);
}

// Rows [rows.begin, rows.end), whose scores with the keys `all` that any of them sees stand in
// `scores`, a row `all.size()` floats.
void attend_block(const HeadView& view, Range rows, Range all, float* scores) {
  const size_t width = all.size();
  double totals[kRowBlock];
  for (size_t t = rows.begin; t < rows.end; ++t) {
    const Range range = view.visible(t);
    float* const row = scores + (t - rows.begin) * width + (range.begin - all.begin);
    totals[t - rows.begin] = exponentiate(view.op, view.sink, row, range.size());
    std::fill_n(view.output(t), view.value_dim(), 0.0f);
  }
  // The keys that every row sees by sgemm; the edges, which differ from row to row, row by row.
  const size_t begin = view.visible(rows.end - 1).begin;
  const Range common{begin, std::max(begin, view.visible(rows.begin).end)};
  view.for_keys(common, [&](const KeyStretch& keys) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, static_cast<blasint>(rows.size()),
                static_cast<blasint>(view.value_dim()), static_cast<blasint>(keys.range.size()),
                1.0f, scores + (keys.range.begin - all.begin), static_cast<blasint>(width), keys.v,
                static_cast<blasint>(keys.v_stride), 1.0f, view.output(rows.begin),
                static_cast<blasint>(view.out_stride));
  });
  for (size_t t = rows.begin; t < rows.end; ++t) {
    const Range range = view.visible(t);
    const float* const row = scores + (t - rows.begin) * width;
    mix_range(view, t, {range.begin, std::min(range.end, common.begin)}, row, all.begin);
    mix_range(view, t, {std::max(range.begin, common.end), range.end}, row, all.begin);
    divide(view.output(t), view.value_dim(), totals[t - rows.begin]);
  }
}

const char* attention_target() {
  return target_name();
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(attend_row);
HWY_EXPORT(attend_block);
HWY_EXPORT(attention_target);

namespace {

constexpr size_t kFewRows = 8;     // up to so many, row by row
constexpr size_t kKeyBlock = 256;  // keys of a tile of float64 scores

// Floats for the float64 copies that the scores of a block are made of: its queries, some keys, and
// their scores.
size_t tile_floats(size_t dim) {
  return 2 * (kRowBlock * dim + kKeyBlock * dim + kRowBlock * kKeyBlock);
}

void widen_rows(const float* from, size_t stride, size_t rows, size_t dim, double* to) {
  for (size_t r = 0; r < rows; ++r) std::copy_n(from + r * stride, dim, to + r * dim);
}

// The scores of rows [rows.begin, rows.end) with the keys `all`, by dgemm, rounded to float32.
void score_block(const HeadView& view, Range rows, Range all, double* tile, float* scores) {
  const size_t dim = view.key_dim();
  double* const q = tile;
  double* const k = q + kRowBlock * dim;
  double* const sums = k + kKeyBlock * dim;
  widen_rows(view.query(rows.begin), view.q_stride, rows.size(), dim, q);
  view.for_keys(all, [&](const KeyStretch& keys) {
    for (size_t s = 0; s < keys.range.size(); s += kKeyBlock) {
      const size_t count = std::min(kKeyBlock, keys.range.size() - s);
      widen_rows(keys.k + s * keys.k_stride, keys.k_stride, count, dim, k);
      cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<blasint>(rows.size()),
                  static_cast<blasint>(count), static_cast<blasint>(dim), 1.0, q,
                  static_cast<blasint>(dim), k, static_cast<blasint>(dim), 0.0, sums,
                  static_cast<blasint>(count));
      for (size_t r = 0; r < rows.size(); ++r) {
        std::transform(sums + r * count, sums + (r + 1) * count,
                       scores + r * all.size() + (keys.range.begin + s - all.begin),
                       [](double sum) { return static_cast<float>(sum); });
      }
    }
  });
}

bool is_few(const Sequence& sequence) {
  return sequence.rows() <= kFewRows;
}

void attend(const graph::Attention& op, const Context& context, const Sequence& sequence,
            size_t first_row) {
  const size_t rows = sequence.rows();
  const size_t block = is_few(sequence) ? 1 : kRowBlock;
  const size_t blocks = (rows + block - 1) / block;
  const auto heads = static_cast<size_t>(op.heads);
  // The longest blocks first, so that no thread is left with one at the end.
  context.threads.for_each_on_worker(blocks * heads, [&](size_t piece, size_t worker) {
    const HeadView view = head_view(op, context, sequence, first_row, piece % heads);
    const size_t begin = (blocks - 1 - piece / heads) * block;
    float* const scratch = context.scratch.of_worker(worker);
    float* const scores = scratch + tile_floats(view.key_dim());
    if (is_few(sequence)) return HWY_DYNAMIC_DISPATCH(attend_row)(view, begin, scores);
    const Range range{begin, std::min(rows, begin + block)};
    const Range all{view.visible(range.begin).begin, view.visible(range.end - 1).end};
    score_block(view, range, all, reinterpret_cast<double*>(scratch), scores);
    HWY_DYNAMIC_DISPATCH(attend_block)(view, range, all, scores);
  });
}

}  // namespace

Ran compute(const graph::Attention& op, const Context& context) {
  for_sequences(context, [&](const Sequence& sequence, size_t first_row) {
    attend(op, context, sequence, first_row);
    std::get<KvCache>(sequence.session->state(*context.step.slot))
        .append(context.in[1].row(first_row), context.in[2].row(first_row), sequence.rows());
  });
  const bool few = std::all_of(context.sequences.begin(), context.sequences.end(), is_few);
  return {few ? "rows" : "blocks of rows and gemm", HWY_DYNAMIC_DISPATCH(attention_target)()};
}

ScratchSize scratch_for(const graph::Attention& op, const Step&) {
  return {.per_worker = tile_floats(static_cast<size_t>(op.head_dim)),
          .per_worker_and_position = kRowBlock};
}

std::optional<State> initial_state(const graph::Attention& op, const Step&) {
  return KvCache(static_cast<size_t>(op.kv_heads), static_cast<size_t>(op.head_dim),
                 static_cast<size_t>(op.value_dim), static_cast<size_t>(op.window));
}

}  // namespace plumb::candidates::cpu
#endif
