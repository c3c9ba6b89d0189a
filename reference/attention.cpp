#include <algorithm>
#include <cmath>

#include "reference/kernels.h"
#include "reference/product.h"

namespace plumb::reference {
namespace {

using graph::Attention;

double dot(const double* a, const double* b, size_t n) {
  double sum = 0.0;
  for (size_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

double dot_of_squares(const double* a, const double* b, size_t n) {
  double sum = 0.0;
  for (size_t i = 0; i < n; ++i) sum += a[i] * a[i] * b[i] * b[i];
  return sum;
}

// One query against the keys [begin, end) of its head.
template <class A>
class Query {
 public:
  Query(const A& a, const Attention& op, size_t begin, size_t end, size_t element)
      : a_(a), op_(op), begin_(begin), p_(end - begin), element_(element) {}

  // scale q . k, capped
  template <class Heads>
  void score(const double* q, const Heads& k, size_t head) {
    const auto dim = static_cast<size_t>(op_.head_dim);
    for (size_t s = 0; s < p_.size(); ++s) {
      const double* key = &k(begin_ + s, head, 0);
      double squares = 0.0;
      if constexpr (A::kEmulates) squares = dot_of_squares(q, key, dim);
      p_[s] = a_.sum(Attention::kScoreSum, dot(q, key, dim), squares, dim, element_ + s);
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
  template <class Heads>
  void mix(const Heads& v, size_t head, double* out, size_t out_element) const {
    const auto dim = static_cast<size_t>(op_.value_dim);
    std::fill(out, out + dim, 0.0);
    for (size_t s = 0; s < p_.size(); ++s) {
      const double* value = &v(begin_ + s, head, 0);
      for (size_t i = 0; i < dim; ++i) out[i] += p_[s] * value[i];
    }
    if constexpr (A::kEmulates) add_noise(v, head, out, out_element);
    a_.round(Attention::kOutput, {out, dim}, out_element);
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
      v = a_.relative(std::exp(shifted), roundings,
                      element_ + static_cast<size_t>(&v - p_.data()));
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

  template <class Heads>
  void add_noise(const Heads& v, size_t head, double* out, size_t out_element) const {
    const auto dim = static_cast<size_t>(op_.value_dim);
    std::vector<double> squares(dim, 0.0);
    for (size_t s = 0; s < p_.size(); ++s) {
      const double* value = &v(begin_ + s, head, 0);
      for (size_t i = 0; i < dim; ++i) squares[i] += p_[s] * p_[s] * value[i] * value[i];
    }
    for (size_t i = 0; i < dim; ++i) {
      out[i] = a_.sum(Attention::kOutputSum, out[i], squares[i], p_.size(), out_element + i);
    }
  }

  const A& a_;
  const Attention& op_;
  size_t begin_;           // the first key it sees
  std::vector<double> p_;  // scores, then probabilities
  size_t element_;         // of the noise of its first score
};

}  // namespace

template <class A>
void compute(const A& a, const Attention& op, const Context& context, Inputs in, Outputs out) {
  Matrix storage[3];
  const Matrix& queries = operand(a, Attention::kQuery, *in[0], storage[0]);
  const Matrix& keys = operand(a, Attention::kKey, *in[1], storage[1]);
  const Matrix& values = operand(a, Attention::kValue, *in[2], storage[2]);
  const auto heads = static_cast<size_t>(op.heads);
  const auto kv_heads = static_cast<size_t>(op.kv_heads);
  const auto value_dim = static_cast<size_t>(op.value_dim);
  const auto window = static_cast<size_t>(op.window);
  std::vector<double> sinks;
  if (context.has_weight(0)) sinks = context.weight(0).values();
  for_sequences(context, [&](const Sequence& sequence, size_t first) {
    const size_t rows = sequence.rows();
    const auto q = as_heads(queries, first, rows, heads);
    const auto k = as_heads(keys, first, rows, kv_heads);
    const auto v = as_heads(values, first, rows, kv_heads);
    auto o = as_heads(out[0], first, rows, heads);
    context.threads.for_each(heads, [&](size_t h) {
      const size_t kv = h / (heads / kv_heads);
      for (size_t t = 0; t < rows; ++t) {
        const size_t begin = window > 0 && t + 1 > window ? t + 1 - window : 0;
        Query<A> query(a, op, begin, t + 1, ((first + t) * heads + h) * (rows + 1));
        query.score(&q(t, h, 0), k, kv);
        query.softmax(sinks.empty() ? nullptr : &sinks[h]);
        query.mix(v, kv, &o(t, h, 0), ((first + t) * heads + h) * value_dim);
      }
    });
  });
}

PLUMB_INSTANTIATE_KERNEL(Attention)

}  // namespace plumb::reference
