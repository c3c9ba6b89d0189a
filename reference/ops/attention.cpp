#include <algorithm>
#include <cmath>
#include <limits>

#include "base/dtype.h"
#include "reference/kernels.h"
#include "reference/past.h"
#include "reference/product.h"
#include "reference/softmax.h"

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

// Queries of one head that meet their keys in one product.
constexpr size_t kBlock = 64;

// One head's rows of a matrix [positions, heads * dim].
Rows head_rows(const Matrix& m, size_t first, size_t heads, size_t head) {
  return {m.data() + first * m.shape(1) + head * (m.shape(1) / heads), m.shape(1)};
}

// The sizes of one query's noise. Replicas of a query share those of the first.
struct NoiseSizes {
  std::vector<double> scores;
  std::vector<double> output;
};

// The keys [begin, end) that a query sees.
struct Reach {
  size_t begin;
  size_t end;
};

// What the positions of a head's keys add to their scores.
struct LinearBias {
  double slope;
  double first_position;  // of the first key
};

double bfloat16(double x) {
  return base::round_to(base::DType::kBF16, x);
}

// One query against the keys of its reach.
template <class A>
class Query {
 public:
  Query(const A& a, const Attention& op, Reach reach, size_t element)
      : a_(a), op_(op), reach_(reach), p_(reach.end - reach.begin), element_(element) {}

  // scale q . k, biased, capped; `dots` are the q . k of its reach
  void score(const double* dots, const double* q, const Rows& k, const LinearBias& bias,
             NoiseSizes& noise) {
    p_.assign(dots, dots + p_.size());
    if constexpr (A::kEmulates) {
      if (noise.scores.empty()) size_scores(q, k, noise.scores);
      a_.add_noise(Attention::kScoreSum, p_, noise.scores, element_);
    }
    a_.round(Attention::kScores, p_, element_);
    if (op_.alibi.before_scale) join(bias);
    for (double& v : p_) v *= op_.scale;
    a_.round(Attention::kScaled, p_, element_);
    if (!op_.alibi.before_scale) join(bias);
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
    reference::softmax(a_, std::span(p_), sink != nullptr ? 0.0 : most, element_);
    if (sink != nullptr) p_.pop_back();
    a_.round(Attention::kProbabilities, p_, element_);
  }

  const std::vector<double>& probabilities() const { return p_; }

  // The softmax and the sum over the values in one pass, each sum rounded: as kernels do that add
  // one key after the other, and scale what they have by exp(m - m') when a score m' passes the
  // largest so far. `sink` joins the denominator last.
  void sum_in_order(const Rows& v, const double* sink, std::span<double> out,
                    size_t element) const {
    std::ranges::fill(out, 0.0);
    double most = -std::numeric_limits<double>::infinity();
    double sum = 0.0;
    const auto raise = [&](double score) {
      if (!(score > most)) return;
      const double shrunk = std::exp(most - score);
      most = score;
      sum *= shrunk;
      for (double& y : out) y *= shrunk;
      a_.round(Attention::kOutputSum, out, element);
    };
    for (size_t s = 0; s < p_.size(); ++s) {
      raise(p_[s]);
      const double p = a_.relative(std::exp(p_[s] - most), 1.0, element_ + s);
      const double* value = v[reach_.begin + s];
      for (size_t i = 0; i < out.size(); ++i) out[i] += p * value[i];
      a_.round(Attention::kOutputSum, out, element);
      sum += p;
    }
    if (sink != nullptr) {
      raise(*sink);
      sum += std::exp(*sink - most);
    }
    for (double& y : out) y /= sum;
    a_.round(Attention::kOutput, out, element);
  }

  // `out` is sum_s p[s] v[s]
  void finish(const Rows& v, std::span<double> out, size_t element, NoiseSizes& noise) const {
    if constexpr (A::kEmulates) {
      if (noise.output.empty()) size_output(v, out, noise.output);
      a_.add_noise(Attention::kOutputSum, out, noise.output, element);
    }
    a_.round(Attention::kOutput, out, element);
  }

 private:
  // slope * position, on the score of every key
  void join(const LinearBias& bias) {
    if (op_.alibi.slopes.empty()) return;
    for (size_t s = 0; s < p_.size(); ++s) {
      const double position = bias.first_position + static_cast<double>(reach_.begin + s);
      double own = bias.slope * position;
      if (op_.alibi.in_bfloat16) {
        own = bfloat16(bfloat16(bias.slope) * bfloat16(position));
      }
      p_[s] += a_.round(Attention::kBias, own, element_ + s);
    }
    a_.round(Attention::kBiased, p_, element_);
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

  void size_scores(const double* q, const Rows& k, std::vector<double>& sizes) const {
    const auto dim = static_cast<size_t>(op_.head_dim);
    for (size_t s = 0; s < p_.size(); ++s) {
      const double* key = k[reach_.begin + s];
      const double squares =
          sum_of(dim, [&](size_t i) { return (q[i] * key[i]) * (q[i] * key[i]); });
      sizes.push_back(a_.sum_noise(Attention::kScoreSum, p_[s], squares, dim));
    }
  }

  void size_output(const Rows& v, std::span<const double> out, std::vector<double>& sizes) const {
    sizes.assign(out.size(), 0.0);
    for (size_t s = 0; s < p_.size(); ++s) {
      const double* value = v[reach_.begin + s];
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
  Reach reach_;
  std::vector<double> p_;  // scores, then probabilities
  size_t element_;         // of the noise of its first score
};

bool all_finite(const Matrix& m) {
  return base::all_finite(base::DType::kF64, reinterpret_cast<const std::byte*>(m.data()),
                          m.size());
}

// The last key that a query at t sees: its own, unless it is to look further or less far.
size_t last_key(size_t t, size_t rows, int64_t lookahead) {
  const int64_t last = static_cast<int64_t>(t) + lookahead;
  return static_cast<size_t>(std::clamp<int64_t>(last, 0, static_cast<int64_t>(rows) - 1));
}

// The reach of each query at [past, rows).
std::vector<Reach> reaches(const Attention& op, const Deviation& deviation, size_t past,
                           size_t rows) {
  const auto kept = static_cast<size_t>(op.window);
  const size_t window = kept == 0 ? 0 : kept + static_cast<size_t>(deviation.wider_window);
  std::vector<Reach> result;
  for (size_t t = past; t < rows; ++t) {
    const size_t own_end = t + 1;
    const size_t sliding = window > 0 && own_end > window ? own_end - window : 0;
    result.push_back({.begin = deviation.chunked && window > 0 ? t - t % window : sliding,
                      .end = last_key(t, rows, deviation.lookahead) + 1});
  }
  return result;
}

// Queries of one head that stand one after another, and what they see.
struct Block {
  Rows queries;
  Rows keys;
  Rows values;
  std::span<const Reach> reaches;  // of each query, in keys and values
  size_t positions;                // of keys and values
  const double* sink;              // null: none
  LinearBias bias;
  size_t row;  // of the first, among all rows of the call
  size_t head;
};

template <class A>
void attend(const A& a, const Attention& op, const Block& block, std::span<NoiseSizes> noise,
            Matrix& out) {
  const size_t count = block.reaches.size();
  const auto heads = static_cast<size_t>(op.heads);
  const auto value_dim = static_cast<size_t>(op.value_dim);
  const size_t begin = block.reaches.front().begin;
  const size_t keys = block.reaches.back().end - begin;
  static thread_local std::vector<double> p;  // scores, then probabilities
  p.resize(count * keys);
  multiply_transposed(block.queries, count, static_cast<size_t>(op.head_dim),
                      block.keys.from(begin), keys, p.data(), keys);
  const bool in_order = a.adds_in_order(Attention::kOutputSum);
  const auto output = [&](size_t i) {
    return row(out, block.row + i).subspan(block.head * value_dim, value_dim);
  };
  const auto element = [&](size_t i) { return ((block.row + i) * heads + block.head) * value_dim; };
  std::vector<Query<A>> queries;
  for (size_t i = 0; i < count; ++i) {
    const Reach reach = block.reaches[i];
    const size_t first_score = ((block.row + i) * heads + block.head) * (block.positions + 1);
    double* const own = p.data() + i * keys;
    double* const seen = own + (reach.begin - begin);
    Query<A>& query = queries.emplace_back(a, op, reach, first_score);
    query.score(seen, block.queries[i], block.keys, block.bias, noise[i]);
    if (in_order) continue;
    query.softmax(block.sink);
    std::fill(own, own + keys, 0.0);
    std::copy(query.probabilities().begin(), query.probabilities().end(), seen);
  }
  if (in_order) {
    for (size_t i = 0; i < count; ++i) {
      queries[i].sum_in_order(block.values, block.sink, output(i), element(i));
    }
    return;
  }
  multiply({p.data(), keys}, count, keys, block.values.from(begin), value_dim,
           row(out, block.row).data() + block.head * value_dim, out.shape(1));
  for (size_t i = 0; i < count; ++i) {
    queries[i].finish(block.values, output(i), element(i), noise[i]);
  }
}

// Each sequence's numbers in the order [heads, positions, dim], read as [positions, heads * dim].
void mix_up(const Context& context, size_t heads, Matrix& y) {
  const size_t dim = y.shape(1) / heads;
  for_sequences(context, [&](const Sequence& sequence, size_t first) {
    const size_t rows = sequence.rows();
    const Matrix before = rows_of(y, first, first + rows);
    for (size_t i = 0; i < before.size(); ++i) {
      const size_t h = i / (rows * dim);
      const size_t t = i / dim % rows;
      y.data()[first * y.shape(1) + i] = before(t, h * dim + i % dim);
    }
  });
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
  // Zero times infinity is not zero: where a value is not finite, no query meets what it must not
  // see.
  const size_t block = all_finite(values) ? kBlock : 1;
  std::vector<double> sinks;
  if (context.has_weight(0) && !context.deviation.sinkless) sinks = context.weight(0).values();
  for_replicas(context, [&](const Group& group) {
    const size_t past = all_keys.past(group.sequence);
    const double first_position =
        static_cast<double>(context.sequences[group.sequence].first_position) -
        static_cast<double>(past);
    const std::vector<Reach> seen = reaches(op, context.deviation, past, past + group.rows);
    context.threads.for_each(heads, [&](size_t h) {
      const size_t kv = context.deviation.tiled_heads ? h % kv_heads : h / (heads / kv_heads);
      for (size_t t = 0; t < group.rows; t += block) {
        const auto own_reaches = std::span(seen).subspan(t, std::min(block, group.rows - t));
        std::vector<NoiseSizes> noise(own_reaches.size());
        for (size_t r = 0; r < group.replicas; ++r) {
          const size_t own = group.first + r * group.rows + t;
          const size_t first = all_keys.first(group.sequence + r);
          attend(a, op,
                 {.queries = head_rows(queries, own, heads, h),
                  .keys = head_rows(keys, first, kv_heads, kv),
                  .values = head_rows(values, first, kv_heads, kv),
                  .reaches = own_reaches,
                  .positions = past + group.rows,
                  .sink = sinks.empty() ? nullptr : &sinks[h],
                  .bias = {op.alibi.slopes.empty() ? 0.0 : op.alibi.slopes[h], first_position},
                  .row = own,
                  .head = h},
                 noise, out[0]);
        }
      }
    });
  });
  if (context.deviation.untransposed) mix_up(context, heads, out[0]);
  all_keys.keep(static_cast<size_t>(op.window));
  all_values.keep(static_cast<size_t>(op.window));
}

PLUMB_INSTANTIATE_KERNEL(Attention)

}  // namespace plumb::reference
