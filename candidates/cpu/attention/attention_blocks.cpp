#include "candidates/cpu/attention/attention_blocks.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/attention/attention_blocks.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/attention/softmax_block-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

void exponentiate_block(const graph::Attention& op, const Block& block, Progress& progress) {
  if (block.is_edge) {
    exponentiate_rows<true>(op, block, progress);
  } else {
    exponentiate_rows<false>(op, block, progress);
  }
}

// mixed [dim, wide]: each row by a factor of its own
void scale_rows(const float* factors, size_t wide, size_t dim, float* mixed) {
  for (size_t i = 0; i < dim; ++i, mixed += wide) {
    map(
        F(), wide, mixed, [](auto x, auto f) HWY_ATTR { return hn::Mul(x, f); }, mixed, factors);
  }
}

bool is_finite(const float* x, size_t n) {
  const F d;
  auto sum = hn::Zero(d);  // of products with zero: a NaN where one of the numbers is no number
  for (size_t i = 0; i < n; i += hn::Lanes(d)) {
    sum = hn::MulAdd(load_some(d, x + i, n - i), hn::Zero(d), sum);
  }
  return sum_of_lanes(d, sum) == 0.0f;
}

// One over what divides each row: its total, in which a sink takes part as one more z.
void inverse_totals(const graph::Attention& op, const float* sink, Progress& progress,
                    size_t wide) {
  for (size_t at = 0; at < wide; at += hn::Lanes(HalfF())) {
    auto total = hn::LoadU(D(), progress.total + at);
    auto shrink = hn::Set(D(), 1.0);
    if (sink != nullptr) {
      const auto z = hn::Set(D(), static_cast<double>(*sink));
      const auto before = shift_of(op, hn::LoadU(HalfF(), progress.most + at));
      const auto shift = hn::Max(z, before);
      shrink = exp64(hn::Sub(before, shift));
      total = hn::MulAdd(total, shrink, exp64(hn::Sub(z, shift)));
    }
    hn::StoreU(hn::DemoteTo(HalfF(), hn::Div(shrink, total)), HalfF(), progress.shrink + at);
  }
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(exponentiate_block);
HWY_EXPORT(scale_rows);
HWY_EXPORT(is_finite);
HWY_EXPORT(inverse_totals);

namespace {

// Below any score, and finite when scaled.
constexpr float kNoScore = -0x1p100f;

// A panel on its way over the keys.
class Panel {
 public:
  Panel(const GemmKernel& kernel, const HeadView& view, size_t first, size_t rows, float* scratch)
      : kernel_(kernel),
        view_(view),
        rows_{first, std::min(rows, first + panel_rows(kernel))},
        wide_(whole_vectors(kernel, rows_.size())),
        queries_(scratch),
        mixed_(queries_ + view.key_dim() * wide_),
        scores_(mixed_ + whole_columns(view.value_dim()) * wide_),
        rest_(scores_ + kKeys * wide_) {
    std::fill_n(queries_, view.key_dim() * wide_, 0.0f);
    transpose(view.query(first), view.q_stride, rows_.size(), view.key_dim(), queries_, wide_);
    std::fill_n(mixed_, whole_columns(view.value_dim()) * wide_, 0.0f);
    std::fill_n(progress_.most, wide_, kNoScore);
    std::fill_n(progress_.total, wide_, 0.0);
  }

  void run() {
    const Range all{view_.visible(rows_.begin).begin, view_.visible(rows_.end - 1).end};
    view_.for_keys(all, [&](const KeyStretch& keys) {
      for (size_t s = 0; s < keys.range.size(); s += kKeys) {
        add({keys.k + s * keys.k_stride,
             keys.v + s * keys.v_stride,
             keys.k_stride,
             keys.v_stride,
             {keys.range.begin + s, std::min(keys.range.begin + s + kKeys, keys.range.end)}});
      }
    });
    HWY_DYNAMIC_DISPATCH(inverse_totals)(view_.op, view_.sink, progress_, wide_);
    HWY_DYNAMIC_DISPATCH(scale_rows)(progress_.shrink, wide_, view_.value_dim(), mixed_);
    transpose(mixed_, wide_, view_.value_dim(), rows_.size(), view_.output(rows_.begin),
              view_.out_stride);
  }

 private:
  size_t whole_columns(size_t n) const {
    return (n + kernel_.columns - 1) / kernel_.columns * kernel_.columns;
  }

  void add(const KeyStretch& keys) {
    score(keys);
    const auto window = static_cast<float>(view_.op.window > 0 ? view_.op.window : 1 << 24);
    const bool is_edge = keys.range.begin < view_.visible(rows_.end - 1).begin ||
                         keys.range.end > view_.visible(rows_.begin).end;
    HWY_DYNAMIC_DISPATCH(exponentiate_block)
    (view_.op,
     {scores_, keys.range.size(), wide_, is_edge,
      static_cast<float>(keys.range.begin) - static_cast<float>(view_.kept + rows_.begin), window},
     progress_);
    HWY_DYNAMIC_DISPATCH(scale_rows)(progress_.shrink, wide_, view_.value_dim(), mixed_);
    if (is_edge && !has_finite_values(keys)) {
      mix_visible(keys);
    } else {
      mix(keys);
    }
  }

  void score(const KeyStretch& keys) {
    multiply(keys);
    if (view_.is_biased()) add_bias(keys.range);
  }

  void add_bias(Range keys) {
    double own[kMostPanelRows];
    for (size_t r = 0; r < rows_.size(); ++r) own[r] = view_.common_bias(rows_.begin + r);
    for (size_t s = 0; s < keys.size(); ++s) {
      const double bias = view_.bias(keys.begin + s);
      float* const scores = scores_ + s * wide_;
      for (size_t r = 0; r < rows_.size(); ++r) scores[r] += static_cast<float>(bias - own[r]);
    }
  }

  void multiply(const KeyStretch& keys) {
    const size_t count = keys.range.size();
    const size_t whole = count / kernel_.columns * kernel_.columns;
    for (size_t s = 0; s < whole; s += kernel_.columns)
      multiply(keys.k + s * keys.k_stride, keys.k_stride, s);
    if (whole == count) return;
    for (size_t s = whole; s < count; ++s) {
      std::copy_n(keys.k + s * keys.k_stride, view_.key_dim(),
                  rest_ + (s - whole) * view_.key_dim());
    }
    std::fill(rest_ + (count - whole) * view_.key_dim(), rest_ + kernel_.columns * view_.key_dim(),
              0.0f);
    multiply(rest_, view_.key_dim(), whole);
  }

  void multiply(const float* keys, size_t stride, size_t s) {
    kernel_.run(queries_, wide_ / kernel_.lanes, keys, stride, view_.key_dim(), scores_ + s * wide_,
                wide_, true);
  }

  void mix(const KeyStretch& keys) {
    const size_t dim = view_.value_dim();
    const size_t whole = dim / kernel_.columns * kernel_.columns;
    for (size_t i = 0; i < whole; i += kernel_.columns) mix(keys.v + i, keys.v_stride, keys, i);
    if (whole == dim) return;
    for (size_t s = 0; s < keys.range.size(); ++s) {
      float* const to = rest_ + s * kernel_.columns;
      std::fill_n(
          std::copy(keys.v + s * keys.v_stride + whole, keys.v + s * keys.v_stride + dim, to),
          whole + kernel_.columns - dim, 0.0f);
    }
    mix(rest_, kernel_.columns, keys, whole);
  }

  void mix(const float* values, size_t stride, const KeyStretch& keys, size_t i) {
    kernel_.run_by_depth(scores_, wide_ / kernel_.lanes, values, stride, keys.range.size(),
                         mixed_ + i * wide_, wide_, false);
  }

  bool has_finite_values(const KeyStretch& keys) const {
    for (size_t s = 0; s < keys.range.size(); ++s) {
      if (!HWY_DYNAMIC_DISPATCH(is_finite)(keys.v + s * keys.v_stride, view_.value_dim())) {
        return false;
      }
    }
    return true;
  }

  // What a row must not see is never multiplied by zero: a NaN there stays where it is.
  void mix_visible(const KeyStretch& keys) {
    for (size_t t = rows_.begin; t < rows_.end; ++t) {
      const Range range = view_.visible(t);
      const size_t end = std::min(range.end, keys.range.end);
      for (size_t s = std::max(range.begin, keys.range.begin); s < end; ++s) {
        const float* const v = keys.v + (s - keys.range.begin) * keys.v_stride;
        const float p = scores_[(s - keys.range.begin) * wide_ + (t - rows_.begin)];
        for (size_t i = 0; i < view_.value_dim(); ++i) {
          mixed_[i * wide_ + (t - rows_.begin)] += p * v[i];
        }
      }
    }
  }

  const GemmKernel& kernel_;
  const HeadView& view_;
  Range rows_;
  size_t wide_;     // rows with those that fill the last vector
  float* queries_;  // [key_dim, wide]
  float* mixed_;    // [value_dim, wide]
  float* scores_;   // [keys, wide]
  float* rest_;     // keys or columns of values that fill no group of columns
  Progress progress_;
};

}  // namespace

void attend_panel(const GemmKernel& kernel, const HeadView& view, size_t first, size_t rows,
                  float* scratch) {
  Panel(kernel, view, first, rows, scratch).run();
}

size_t attention_scratch(size_t key_dim, size_t value_dim) {
  return kMostPanelRows * (key_dim + value_dim + kMostColumns + kKeys) +
         kMostColumns * std::max(key_dim, kKeys);
}

}  // namespace plumb::candidates::cpu
#endif
