// Softmax attention: blocks of rows by sgemm for a prompt, single rows in Highway for decoding.
//
// A query sees the keys that the cache keeps and those of its own call, up to itself and no further
// back than the window. Scores, probabilities and sums in float32; probabilities are divided by
// their sum after the values have been added up. What a row must not see is never multiplied by
// zero: a NaN there stays where it is.
#include <cblas.h>

#include <algorithm>
#include <array>

#include "candidates/cpu/kernels.h"
#include "candidates/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/attention.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/dots-inl.h"
#include "candidates/cpu/math-inl.h"

#ifndef PLUMB_CANDIDATES_CPU_ATTENTION_ONCE
#define PLUMB_CANDIDATES_CPU_ATTENTION_ONCE
namespace plumb::candidates::cpu {
namespace {

constexpr size_t kRowBlock = 64;  // rows of a block of queries
constexpr size_t kFewRows = 8;    // up to so many, row by row

struct Range {
  size_t begin;
  size_t end;
};

// Consecutive keys and values of one head in memory: those numbered [range.begin, range.end).
struct Stretch {
  const float* k;
  const float* v;
  size_t stride;
  Range range;
};

// One sequence and one of its query heads. Keys are numbered from the oldest that the cache keeps.
struct HeadView {
  const graph::Attention& op;
  const float* q;  // of the sequence's first row
  float* out;
  size_t q_stride;
  size_t kept;                       // keys in the cache
  std::array<Stretch, 3> stretches;  // two of the cache, one of the call

  size_t dim() const { return static_cast<size_t>(op.head_dim); }
  // The keys that row t of the call sees.
  Range visible(size_t t) const {
    const size_t end = kept + t + 1;
    const auto window = static_cast<size_t>(op.window);
    return {window > 0 && end > window ? end - window : 0, end};
  }
  // Calls body(k, v, stride, part) for each stretch's part of `range`.
  template <class Body>
  void for_keys(Range range, Body&& body) const {
    for (const Stretch& s : stretches) {
      const Range part{std::max(range.begin, s.range.begin), std::min(range.end, s.range.end)};
      if (part.begin >= part.end) continue;
      const size_t skipped = (part.begin - s.range.begin) * s.stride;
      body(s.k + skipped, s.v + skipped, s.stride, part);
    }
  }
};

HeadView head_view(const graph::Attention& op, const Context& context, const Sequence& sequence,
                   size_t slot, size_t first_row, size_t head) {
  const auto dim = static_cast<size_t>(op.head_dim);
  const size_t kv = head / (static_cast<size_t>(op.heads) / static_cast<size_t>(op.kv_heads));
  const KvCache& cache = std::get<KvCache>(sequence.session->state(slot));
  const auto held = cache.stretches(kv);
  const size_t kept = cache.size();
  const Rows& k = context.in[1];
  return {.op = op,
          .q = context.in[0].row(first_row) + head * dim,
          .out = context.out[0].row(first_row) + head * dim,
          .q_stride = context.in[0].width,
          .kept = kept,
          .stretches = {{{held[0].k, held[0].v, dim, {0, held[0].count}},
                         {held[1].k, held[1].v, dim, {held[0].count, kept}},
                         {k.row(first_row) + kv * dim,
                          context.in[2].row(first_row) + kv * dim,
                          k.width,
                          {kept, kept + sequence.rows()}}}}};
}

}  // namespace
}  // namespace plumb::candidates::cpu
#endif

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

// s[i] = exp(z[i] - max z), z the scaled and capped scores; returns their sum. A NaN among the
// scores makes the sum one.
HWY_INLINE float exponentiate(const graph::Attention& op, float* s, size_t n) {
  const F d;
  const auto scale = hn::Set(d, static_cast<float>(op.scale));
  map(
      d, n, s, [&](auto x) HWY_ATTR { return hn::Mul(x, scale); }, s);
  if (op.soft_cap > 0.0) map64(n, s, Capped{op.soft_cap}, s);
  const auto shift = hn::Set(d, largest(s, n));
  map(
      d, n, s, [&](auto x) HWY_ATTR { return exp32(hn::Sub(x, shift)); }, s);
  const size_t lanes = hn::Lanes(d);
  auto sums = hn::Zero(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) sums = hn::Add(sums, hn::LoadU(d, s + i));
  float sum = sum_of_lanes(d, sums);
  for (; i < n; ++i) sum += s[i];
  return sum;
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
  view.for_keys(range, [&](const float*, const float* v, size_t stride, Range part) HWY_ATTR {
    mix(p + (part.begin - numbered), v, stride, part.end - part.begin, view.out + t * view.q_stride,
        view.dim());
  });
}

HWY_INLINE void divide(float* out, size_t dim, float sum) {
  const auto divisor = hn::Set(F(), sum);
  map(
      F(), dim, out, [&](auto x) HWY_ATTR { return hn::Div(x, divisor); }, out);
}

void attend_row(const HeadView& view, size_t t, float* scores) {
  const Range range = view.visible(t);
  const float* const q = view.q + t * view.q_stride;
  view.for_keys(range, [&](const float* k, const float*, size_t stride, Range part) HWY_ATTR {
    dot_rows<1>(q, k, part.end - part.begin, view.dim(), nullptr,
                scores + (part.begin - range.begin), {.x = 0, .w = stride, .y = 0});
  });
  float* const out = view.out + t * view.q_stride;
  const float sum = exponentiate(view.op, scores, range.end - range.begin);
  std::fill(out, out + view.dim(), 0.0f);
  mix_range(view, t, range, scores, range.begin);
  divide(out, view.dim(), sum);
}

// Rows [rows.begin, rows.end). `scores` holds all their scores with the keys that any of them sees.
void attend_block(const HeadView& view, Range rows, float* scores) {
  const Range all{view.visible(rows.begin).begin, view.visible(rows.end - 1).end};
  const size_t width = all.end - all.begin;
  const auto m = static_cast<blasint>(rows.end - rows.begin);
  const auto dim = static_cast<blasint>(view.dim());
  const auto q_stride = static_cast<blasint>(view.q_stride);
  view.for_keys(all, [&](const float* k, const float*, size_t stride, Range part) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m,
                static_cast<blasint>(part.end - part.begin), dim, 1.0f,
                view.q + rows.begin * view.q_stride, q_stride, k, static_cast<blasint>(stride),
                0.0f, scores + (part.begin - all.begin), static_cast<blasint>(width));
  });
  std::array<float, kRowBlock> sums;
  for (size_t t = rows.begin; t < rows.end; ++t) {
    const Range range = view.visible(t);
    float* const row = scores + (t - rows.begin) * width + (range.begin - all.begin);
    sums[t - rows.begin] = exponentiate(view.op, row, range.end - range.begin);
    float* const out = view.out + t * view.q_stride;
    std::fill(out, out + view.dim(), 0.0f);
  }
  // The keys that every row sees by sgemm; the edges, which differ from row to row, row by row.
  const size_t begin = view.visible(rows.end - 1).begin;
  const Range common{begin, std::max(begin, view.visible(rows.begin).end)};
  if (begin < view.visible(rows.begin).end) {
    view.for_keys(common, [&](const float*, const float* v, size_t stride, Range part) {
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, dim,
                  static_cast<blasint>(part.end - part.begin), 1.0f,
                  scores + (part.begin - all.begin), static_cast<blasint>(width), v,
                  static_cast<blasint>(stride), 1.0f, view.out + rows.begin * view.q_stride,
                  q_stride);
    });
  }
  for (size_t t = rows.begin; t < rows.end; ++t) {
    const Range range = view.visible(t);
    const float* const row = scores + (t - rows.begin) * width;
    mix_range(view, t, {range.begin, std::min(range.end, common.begin)}, row, all.begin);
    mix_range(view, t, {std::max(range.begin, common.end), range.end}, row, all.begin);
    divide(view.out + t * view.q_stride, view.dim(), sums[t - rows.begin]);
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
    const HeadView view =
        head_view(op, context, sequence, *context.step.slot, first_row, piece % heads);
    const size_t begin = (blocks - 1 - piece / heads) * block;
    float* const scores = context.scratch.of_worker(worker);
    if (is_few(sequence)) {
      HWY_DYNAMIC_DISPATCH(attend_row)(view, begin, scores);
    } else {
      HWY_DYNAMIC_DISPATCH(attend_block)(view, {begin, std::min(rows, begin + block)}, scores);
    }
  });
}

}  // namespace

Ran compute(const graph::Attention& op, const Context& context) {
  size_t first_row = 0;
  for (const Sequence& sequence : context.sequences) {
    attend(op, context, sequence, first_row);
    std::get<KvCache>(sequence.session->state(*context.step.slot))
        .append(context.in[1].row(first_row), context.in[2].row(first_row), sequence.rows());
    first_row += sequence.rows();
  }
  const bool few = std::all_of(context.sequences.begin(), context.sequences.end(), is_few);
  return {few ? "rows" : "blocks of rows and sgemm", HWY_DYNAMIC_DISPATCH(attention_target)()};
}

ScratchSize scratch_for(const graph::Attention&, const Step&) {
  return {.per_worker_and_position = kRowBlock};
}

std::optional<State> initial_state(const graph::Attention& op) {
  return KvCache(static_cast<size_t>(op.kv_heads), static_cast<size_t>(op.head_dim),
                 static_cast<size_t>(op.window));
}

}  // namespace plumb::candidates::cpu
#endif
