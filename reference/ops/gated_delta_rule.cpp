#include <cmath>

#include "reference/kernels.h"
#include "reference/loops.h"

namespace plumb::reference {
namespace {

using graph::GatedDeltaRule;

// x / sqrt(sum x^2 + eps), times `scale`
template <class A>
std::vector<double> unit(const A& a, const double* x, size_t n, double eps, double scale,
                         size_t element) {
  // The noise of what is common to all channels, apart from that of single ones.
  const size_t common = ~element;
  double squares = 0.0;
  double fourths = 0.0;
  for (size_t i = 0; i < n; ++i) {
    squares += x[i] * x[i];
    fourths += x[i] * x[i] * x[i] * x[i];
  }
  squares = a.sum(GatedDeltaRule::kSum, squares, fourths, n, common);
  const double inverse = a.function(1.0 / std::sqrt(squares + eps), common);
  std::vector<double> y(x, x + n);
  for (double& v : y) v *= inverse;
  a.round(GatedDeltaRule::kUnit, y, element);
  for (double& v : y) v *= scale;
  a.round(GatedDeltaRule::kUnit, y, element);
  return y;
}

std::vector<double> scaled(const double* x, size_t n, double scale) {
  std::vector<double> y(x, x + n);
  for (double& v : y) v *= scale;
  return y;
}

// S^T x for the state S [key_dim, value_dim]
template <class A>
void read(const A& a, const Matrix& s, const std::vector<double>& x, size_t element, double* y) {
  const size_t columns = s.shape(1);
  mix(x.data(), s.data(), columns, x.size(), columns, y);
  if constexpr (A::kEmulates) {
    std::vector<double> squares(columns, 0.0);
    for (size_t i = 0; i < x.size(); ++i) {
      for (size_t j = 0; j < columns; ++j) squares[j] += (s(i, j) * x[i]) * (s(i, j) * x[i]);
    }
    for (size_t j = 0; j < columns; ++j) {
      y[j] = a.sum(GatedDeltaRule::kSum, y[j], squares[j], x.size(), element + j);
    }
  }
}

// A token's own numbers.
struct Token {
  std::vector<double> q;
  std::vector<double> k;
  const double* v;
  double beta;
  double g;
};

// S <- exp(g) S + k (beta (v - (exp(g) S)^T k))^T, then y = S^T q
void step(const Exact&, Matrix& s, const Token& token, size_t, double* y) {
  delta_step(std::exp(token.g), token.beta, token.k.data(), token.q.data(), token.v, token.k.size(),
             s.shape(1), s.data(), y);
}

void step(const Emulated& a, Matrix& s, const Token& token, size_t element, double* y) {
  const size_t columns = s.shape(1);
  const double decay = a.compute(a.function(std::exp(token.g), element), element);
  for (double& x : s) x *= decay;
  a.round(GatedDeltaRule::kState, {s.data(), s.size()}, element);
  std::vector<double> delta(columns);
  read(a, s, token.k, element, delta.data());
  for (size_t j = 0; j < columns; ++j) {
    delta[j] = a.compute(a.compute(token.v[j] - delta[j], element + j) * token.beta, element + j);
  }
  for (size_t i = 0; i < token.k.size(); ++i) {
    for (size_t j = 0; j < columns; ++j) {
      s(i, j) += a.compute(token.k[i] * delta[j], element + i * columns + j);
    }
  }
  a.round(GatedDeltaRule::kState, {s.data(), s.size()}, element);
  read(a, s, token.q, element + s.size(), y);
}

}  // namespace

template <class A>
void compute(const A& a, const GatedDeltaRule& op, const Context& context, Inputs in, Outputs out) {
  const auto key_heads = static_cast<size_t>(op.key_heads);
  const auto heads = static_cast<size_t>(op.value_heads);
  const auto key_dim = static_cast<size_t>(op.key_dim);
  const auto value_dim = static_cast<size_t>(op.value_dim);
  const Matrix& qkv = *in[0];
  const size_t state_size = key_dim * value_dim;
  for_sequences(context, [&](const Sequence& sequence, size_t start) {
    context.threads.for_each(heads, [&](size_t h) {
      const size_t key_head =
          context.deviation.tiled_heads ? h % key_heads : h / (heads / key_heads);
      auto* const kept = context.kept(sequence);
      Matrix s = kept != nullptr ? rows_of(kept->front(), h * key_dim, (h + 1) * key_dim)
                                 : Matrix(xt::zeros<double>({key_dim, value_dim}));
      std::vector<double> before(value_dim);
      for (size_t t = start; t < start + sequence.rows(); ++t) {
        const double* q = &qkv(t, key_head * key_dim);
        const double* k = q + key_heads * key_dim;
        const double* v = &qkv(t, 2 * key_heads * key_dim + h * value_dim);
        const size_t element = (t * heads + h) * 2 * state_size;
        const auto to = row(out[0], t).subspan(h * value_dim, value_dim);
        const auto unit_or = [&](const double* x, double scale, size_t at) {
          return context.deviation.unit_length
                     ? unit(a, x, key_dim, op.unit_eps, scale * context.deviation.length_factor, at)
                     : scaled(x, key_dim, scale);
        };
        const Token token = {.q = unit_or(q, op.query_scale, element),
                             .k = unit_or(k, 1.0, element + key_dim),
                             .v = v,
                             .beta = (*in[1])(t, h),
                             .g = (*in[2])(t, h)};
        if (context.deviation.read_first) read(a, s, token.q, element + state_size, before.data());
        step(a, s, token, element, to.data());
        if (context.deviation.read_first) std::copy(before.begin(), before.end(), to.begin());
        a.round(GatedDeltaRule::kOutput, to, t * heads * value_dim + h * value_dim);
      }
      if (kept != nullptr) std::copy(s.begin(), s.end(), row(kept->front(), h * key_dim).begin());
    });
  });
}

PLUMB_INSTANTIATE_KERNEL(GatedDeltaRule)

}  // namespace plumb::reference
