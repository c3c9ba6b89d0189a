#include <algorithm>
#include <cmath>

#include "reference/kernels.h"
#include "reference/loops.h"
#include "reference/past.h"
#include "reference/product.h"

namespace plumb::reference {
namespace {

using graph::Attention;

// Four sums side by side, in one order on any machine.
template <class Term>
double sum_of(size_t n, Term&& term) {
  double sums[4] = {};
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    for (size_t lane = 0; lane < 4; ++lane) sums[lane] += term(i + lane);
  }
  for (; i < n; ++i) sums[0] += term(i);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// One head's rows of a matrix [positions, heads * dim].
struct HeadRows {
  HeadRows(const Matrix& m, size_t first, size_t heads, size_t head)
      : start(m.data() + first * m.shape(1) + head * (m.shape(1) / heads)), stride(m.shape(1)) {}
  const double* operator[](size_t t) const { return start + t * stride; }

  const double* start;
  size_t stride;
};

// The sizes of one query's noise. Replicas of a query share those of the first.
struct NoiseSizes {
  std::vector<double> scores;
  std::vector<double> output;
};

// One query against the keys [begin, end) of its head.
template <class A>
class Query {
 public:
  Query(const A& a, const Attention& op, size_t begin, size_t end, size_t element)
      : a_(a), op_(op), begin_(begin), p_(end - begin), element_(element) {}

  // scale q . k, capped
  void score(const double* q, const HeadRows& k, NoiseSizes& noise) {
    const auto dim = static_cast<size_t>(op_.head_dim);
    dots(q, k[begin_], k.stride, p_.size(), dim, p_.data());
    if constexpr (A::kEmulates) {
      if (noise.scores.empty()) size_scores(q, k, noise.scores);
      a_.add_noise(Attention::kScoreSum, p_, noise.scores, element_);
    }
    a_.round(Attention::kScores, p_, element_);
    for (double& v : p_) v *= op_.scale;
    a_.round(Attention::kScaled, p_, element_);
    if (op_.soft_cap > 0.0) cap();
  }

  // With a sink, a logit that takes its share of the sum and is then dropped.
  void softmax(const double* sink) {
    if (sink != nullptr) p_.push_back(*sink);
    const double most = *std::max_element(p_.begin(), p_.end());
    if (sink != nullptr) {
      for (double& v : p_) v -= most;
      a_.round(Attention::kShifted, p_, element_);
    }
    normalize(sink != nullptr ? 0.0 : most);
    if (sink != nullptr) p_.pop_back();
    a_.round(Attention::kProbabilities, p_, element_);
  }

  // sum_s p[s] v[s]
  void mix(const HeadRows& v, std::span<double> out, size_t out_element, NoiseSizes& noise) const {
    reference::mix(p_.data(), v[begin_], v.stride, p_.size(), out.size(), out.data());
    if constexpr (A::kEmulates) {
      if (noise.output.empty()) size_output(v, out, noise.output);
      a_.add_noise(Attention::kOutputSum, out, noise.output, out_element);
    }
    a_.round(Attention::kOutput, out, out_element);
  }

 private:
  // exp(p - most) over its sum
  void normalize(double most) {
    double sum = 0.0;
    for (double& v : p_) {
      const double shifted = v - most;
      // The argument's own rounding and the exponential's: sqrt((x - max)^2 + 2) roundings; exp(0)
      // is exact.
      const double roundings = shifted == 0.0 ? 0.0 : std::sqrt(shifted * shifted + 2.0);
      v = a_.relative(std::exp(shifted), roundings, element_ + static_cast<size_t>(&v - p_.data()));
      sum += v;
    }
    sum = a_.relative(sum, std::sqrt(static_cast<double>(p_.size()) / 3.0), ~element_);
    for (double& v : p_) v /= sum;
  }

  void cap() {
    for (double& v : p_) v /= op_.soft_cap;
    a_.round(Attention::kDivided, p_, element_);
    for (double& v : p_) v = std::tanh(v);
    a_.function(p_, element_);
    a_.round(Attention::kTanh, p_, element_);
    for (double& v : p_) v *= op_.soft_cap;
    a_.round(Attention::kCapped, p_, element_);
  }

  void size_scores(const double* q, const HeadRows& k, std::vector<double>& sizes) const {
    const auto dim = static_cast<size_t>(op_.head_dim);
    for (size_t s = 0; s < p_.size(); ++s) {
      const double* key = k[begin_ + s];
      const double squares =
          sum_of(dim, [&](size_t i) { return (q[i] * key[i]) * (q[i] * key[i]); });
      sizes.push_back(a_.sum_noise(Attention::kScoreSum, p_[s], squares, dim));
    }
  }

  void size_output(const HeadRows& v, std::span<const double> out,
                   std::vector<double>& sizes) const {
    sizes.assign(out.size(), 0.0);
    for (size_t s = 0; s < p_.size(); ++s) {
      const double* value = v[begin_ + s];
      for (size_t i = 0; i < sizes.size(); ++i) {
        sizes[i] += (p_[s] * value[i]) * (p_[s] * value[i]);
      }
    }
    for (size_t i = 0; i < sizes.size(); ++i) {
      sizes[i] = a_.sum_noise(Attention::kOutputSum, out[i], sizes[i], p_.size());
    }
  }

  const A& a_;
  const Attention& op_;
  size_t begin_;           // the first key it sees
  std::vector<double> p_;  // scores, then probabilities
  size_t element_;         // of the noise of its first score
};

// The last key that a query at t sees: its own, unless it is to look further or less far.
size_t last_key(size_t t, size_t rows, int64_t lookahead) {
  const int64_t last = static_cast<int64_t>(t) + lookahead;
  return static_cast<size_t>(std::clamp<int64_t>(last, 0, static_cast<int64_t>(rows) - 1));
}

}  // namespace

template <class A>
void compute(const A& a, const Attention& op, const Context& context, Inputs in, Outputs out) {
  const WithPast all_keys(context, *in[1], 0);
  const WithPast all_values(context, *in[2], 1);
  Matrix storage[3];
  const Matrix& queries = operand(a, Attention::kQuery, *in[0], storage[0]);
  const Matrix& keys = operand(a, Attention::kKey, all_keys.rows(), storage[1]);
  const Matrix& values = operand(a, Attention::kValue, all_values.rows(), storage[2]);
  const auto heads = static_cast<size_t>(op.heads);
  const auto kv_heads = static_cast<size_t>(op.kv_heads);
  const auto value_dim = static_cast<size_t>(op.value_dim);
  const auto kept = static_cast<size_t>(op.window);
  const size_t window = kept == 0 ? 0 : kept + static_cast<size_t>(context.deviation.wider_window);
  std::vector<double> sinks;
  if (context.has_weight(0)) sinks = context.weight(0).values();
  for_replicas(context, [&](const Group& group) {
    const size_t past = all_keys.past(group.sequence);
    context.threads.for_each(heads, [&](size_t h) {
      const size_t kv = context.deviation.tiled_heads ? h % kv_heads : h / (heads / kv_heads);
      for (size_t t = 0; t < group.rows; ++t) {
        const size_t end = last_key(past + t, past + group.rows, context.deviation.lookahead) + 1;
        const size_t own_end = past + t + 1;
        const size_t begin = window > 0 && own_end > window ? own_end - window : 0;
        NoiseSizes noise;
        for (size_t r = 0; r < group.replicas; ++r) {
          const size_t own = group.first + r * group.rows + t;
          const size_t first = all_keys.first(group.sequence + r);
          const size_t element = own * heads + h;
          Query<A> query(a, op, begin, end, element * (past + group.rows + 1));
          query.score(HeadRows(queries, own, heads, h)[0], {keys, first, kv_heads, kv}, noise);
          query.softmax(sinks.empty() ? nullptr : &sinks[h]);
          query.mix({values, first, kv_heads, kv},
                    row(out[0], own).subspan(h * value_dim, value_dim), element * value_dim, noise);
        }
      }
    });
  });
  all_keys.keep(kept);
  all_values.keep(kept);
}

PLUMB_INSTANTIATE_KERNEL(Attention)

}  // namespace plumb::reference
