// Softmax attention: blocks of rows and keys for a prompt (attention_blocks.h), single rows for
// decoding.
//
// A query sees the keys that the cache keeps and those of its own call, up to itself and no further
// back than the window. A single row's scores accumulate in float64 and are rounded to float32:
// where one of them decides a row, its error is the row's. Scale, cap, exponential and their sum
// are in float64 lanes, the values are mixed in float32, and the sum divides at the end. What a row
// must not see is never multiplied by zero: a NaN there stays where it is.
#include <cmath>

#include "candidates/cpu/attention/attention_blocks.h"
#include "candidates/cpu/attention/head_view.h"
#include "candidates/cpu/ops/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/attention/attention.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/attention/scores-inl.h"

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
      double score = dot64(view.query(t), keys.k + s * keys.k_stride, view.key_dim());
      if (view.is_biased()) score += view.bias(keys.range.begin + s) - view.common_bias(t);
      out[s] = static_cast<float>(score);
    }
  });
  const double total = exponentiate(view.op, view.sink, scores, range.size());
  std::fill_n(view.output(t), view.value_dim(), 0.0f);
  mix_range(view, t, range, scores, range.begin);
  divide(view.output(t), view.value_dim(), total);
}

const char* attention_target() {
  return target_name();
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(attend_row);
HWY_EXPORT(attention_target);

namespace {

constexpr size_t kFewRows = 8;  // up to so many, row by row

bool is_few(const Sequence& sequence) {
  return sequence.rows() <= kFewRows;
}

void attend(const graph::Attention& op, const Context& context, const Sequence& sequence,
            size_t first_row) {
  const size_t rows = sequence.rows();
  const GemmKernel kernel = f32_gemm_kernel();
  const size_t piece_rows = is_few(sequence) ? 1 : panel_rows(kernel);
  const size_t pieces = (rows + piece_rows - 1) / piece_rows;
  const auto heads = static_cast<size_t>(op.heads);
  // The longest pieces first, so that no thread is left with one at the end.
  context.threads.for_each_on_worker(pieces * heads, [&](size_t piece, size_t worker) {
    const HeadView view = head_view(op, context, sequence, first_row, piece % heads);
    const size_t first = (pieces - 1 - piece / heads) * piece_rows;
    float* const scratch = context.scratch.of_worker(worker);
    if (is_few(sequence)) return HWY_DYNAMIC_DISPATCH(attend_row)(view, first, scratch);
    attend_panel(kernel, view, first, rows, scratch);
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
  return {few ? "rows" : "blocks", HWY_DYNAMIC_DISPATCH(attention_target)()};
}

ScratchSize scratch_for(const graph::Attention& op, const Step&) {
  // All scores of a single row, or the blocks of a panel.
  return {.per_worker = attention_scratch(static_cast<size_t>(op.head_dim),
                                          static_cast<size_t>(op.value_dim)),
          .per_worker_and_position = 1};
}

std::optional<State> initial_state(const graph::Attention& op, const Step&) {
  return KvCache(static_cast<size_t>(op.kv_heads), static_cast<size_t>(op.head_dim),
                 static_cast<size_t>(op.value_dim), static_cast<size_t>(op.window));
}

}  // namespace plumb::candidates::cpu
#endif
