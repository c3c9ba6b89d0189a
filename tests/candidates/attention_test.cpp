// Attention against the textbook in float64: head ratios, windows, soft caps, sinks, values of
// another dim than keys, any split into calls.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <ostream>

#include "base/dtype.h"
#include "tests/candidates/op_bench.h"

namespace plumb::candidates::testing {
namespace {

struct Shape {
  int length;
  int heads;
  int kv_heads;
  int dim;
  int window;
  double soft_cap;
  std::vector<size_t> calls;
  int value_dim = 0;  // 0: as the keys'
  bool sinks = false;
  model::AlibiSpec alibi = {};
};

// In the names of tests.
std::ostream& operator<<(std::ostream& os, const Shape& s) {
  return os << "T" << s.length << " heads" << s.heads << "/" << s.kv_heads << " dim" << s.dim
            << " window" << s.window << " cap" << s.soft_cap << " calls" << s.calls.size()
            << " values" << s.value_dim << (s.sinks ? " sinks" : "")
            << (s.alibi.slopes.empty() ? "" : " alibi") << s.alibi.before_scale
            << s.alibi.in_bfloat16;
}

struct Textbook {
  Tensor out;
  double largest = 0.0;  // value, in magnitude
};

double bias_of(const model::AlibiSpec& alibi, size_t head, size_t position) {
  if (alibi.slopes.empty()) return 0.0;
  const auto at = static_cast<double>(position);
  const auto bfloat16 = [](double x) { return base::round_to(base::DType::kBF16, x); };
  return alibi.in_bfloat16 ? bfloat16(bfloat16(alibi.slopes[head]) * bfloat16(at))
                           : alibi.slopes[head] * at;
}

Textbook attend(const graph::Attention& op, const Tensor& q, const Tensor& k, const Tensor& v,
                const std::vector<double>& sinks) {
  const auto dim = static_cast<size_t>(op.head_dim);
  const auto value_dim = static_cast<size_t>(op.value_dim);
  const int64_t width = op.heads * op.value_dim;
  Textbook result{.out = {.shape = {q.shape[0], width}}};
  result.out.values.resize(q.rows() * static_cast<size_t>(width));
  const auto window = static_cast<size_t>(op.window);
  for (size_t h = 0; h < static_cast<size_t>(op.heads); ++h) {
    const size_t kv = h / static_cast<size_t>(op.heads / op.kv_heads);
    for (size_t t = 0; t < q.rows(); ++t) {
      std::vector<double> p;
      const size_t begin = window > 0 && t + 1 > window ? t + 1 - window : 0;
      for (size_t s = begin; s <= t; ++s) {
        double score = 0.0;
        for (size_t i = 0; i < dim; ++i) score += q.at(t, h * dim + i) * k.at(s, kv * dim + i);
        const double bias = bias_of(op.alibi, h, s);
        score = op.alibi.before_scale ? (score + bias) * op.scale : score * op.scale + bias;
        if (op.soft_cap > 0.0) score = op.soft_cap * std::tanh(score / op.soft_cap);
        p.push_back(std::exp(score));
      }
      double sum = sinks.empty() ? 0.0 : std::exp(sinks[h]);
      for (const double value : p) sum += value;
      for (size_t i = 0; i < value_dim; ++i) {
        double& out = result.out.values[(t * static_cast<size_t>(op.heads) + h) * value_dim + i];
        for (size_t s = 0; s < p.size(); ++s) {
          out += p[s] / sum * v.at(begin + s, kv * value_dim + i);
        }
      }
    }
  }
  for (const double value : v.values) result.largest = std::max(result.largest, std::abs(value));
  return result;
}

OpCase case_of(const Shape& shape) {
  const int value_dim = shape.value_dim > 0 ? shape.value_dim : shape.dim;
  const graph::Attention op{.heads = shape.heads,
                            .kv_heads = shape.kv_heads,
                            .head_dim = shape.dim,
                            .value_dim = value_dim,
                            .scale = 1.0 / std::sqrt(shape.dim),
                            .window = shape.window,
                            .soft_cap = shape.soft_cap,
                            .alibi = shape.alibi};
  std::vector<Tensor> weights;
  if (shape.sinks) weights.push_back(random_tensor({shape.heads}, 4, 3.0));
  return {.kind = op,
          .inputs = {random_tensor({shape.length, shape.heads * shape.dim}, 1, 2.0),
                     random_tensor({shape.length, shape.kv_heads * shape.dim}, 2, 1.5),
                     random_tensor({shape.length, shape.kv_heads * value_dim}, 3)},
          .weights = weights,
          .out_width = {shape.heads * value_dim},
          .calls = shape.calls};
}

class Attention : public ::testing::TestWithParam<Shape> {};

INSTANTIATE_TEST_SUITE_P(
    Shapes, Attention,
    ::testing::Values(
        Shape{1, 1, 1, 4, 0, 0.0, {}}, Shape{37, 4, 4, 16, 0, 0.0, {}},
        Shape{150, 4, 2, 18, 0, 0.0, {}}, Shape{150, 6, 1, 9, 0, 5.0, {}},
        Shape{200, 3, 3, 67, 7, 0.0, {}}, Shape{200, 4, 2, 16, 100, 0.0, {}},
        Shape{200, 4, 2, 16, 64, 2.0, {}}, Shape{65, 2, 1, 128, 1, 0.0, {}},
        // Through the cache: prefill and decode, pieces, windows that wrap more than once.
        Shape{20, 4, 2, 16, 0, 0.0, {15, 1, 1, 1, 1, 1}}, Shape{150, 4, 2, 18, 0, 3.0, {70, 9, 71}},
        Shape{90, 4, 2, 16, 7, 0.0, {3, 30, 1, 1, 5, 50}},
        Shape{200, 2, 2, 16, 33, 0.0, {40, 100, 8, 52}},
        Shape{26, 2, 1, 8, 5, 0.0, std::vector<size_t>(26, 1)},
        Shape{150, 4, 4, 24, 0, 0.0, {}, 16}, Shape{40, 2, 1, 8, 0, 0.0, {20, 1, 19}, 27},
        Shape{90, 4, 2, 18, 20, 0.0, {3, 30, 1, 1, 5, 50}, 10},
        Shape{70, 4, 2, 16, 9, 0.0, {}, 0, true}, Shape{40, 4, 2, 16, 0, 5.0, {30, 1, 9}, 8, true},
        // Linear biases: after the scale and before it, rounded to bfloat16, beside a window.
        Shape{150, 4, 2, 18, 0, 0.0, {}, 0, false, {.slopes = {0.5, 0.3, 0.0625, 0.004}}},
        Shape{90,
              3,
              1,
              16,
              0,
              0.0,
              {50, 1, 1, 38},
              0,
              false,
              {.slopes = {0.7, 0.25, 0.01}, .before_scale = true}},
        Shape{70,
              2,
              2,
              8,
              0,
              0.0,
              {33, 1, 36},
              0,
              false,
              {.slopes = {0.63, 0.044}, .before_scale = true, .in_bfloat16 = true}},
        Shape{80, 2, 2, 8, 11, 4.0, {}, 0, false, {.slopes = {0.25, 0.125}}}));

TEST_P(Attention, MatchesTheTextbook) {
  const OpCase test = case_of(GetParam());
  const auto& op = std::get<graph::Attention>(test.kind);
  const std::vector<double> sinks =
      test.weights.empty() ? std::vector<double>() : test.weights[0].values;
  const Textbook expected = attend(op, test.inputs[0], test.inputs[1], test.inputs[2], sinks);
  const OpResult actual = run_op(test);
  // Scores of a size up to about 12 with float32 sums of `dim` products: relative errors of the
  // probabilities of 12 dim^(1/2) u, and as much again for the mixing.
  const double bound = 24.0 * std::sqrt(op.head_dim) * 0x1p-24 * expected.largest + 1e-6;
  for (size_t i = 0; i < expected.out.values.size(); ++i) {
    ASSERT_NEAR(actual.out[0].values[i], expected.out.values[i], bound) << "element " << i;
  }
}

TEST(AttentionNaN, StaysWithTheRowsThatSeeIt) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const size_t input : {1, 2}) {
    for (const auto& calls : {std::vector<size_t>{}, std::vector<size_t>(90, 1)}) {
      OpCase test = case_of({90, 2, 1, 8, 20, 0.0, calls});
      test.inputs[input].values[50 * 8 + 3] = nan;
      const OpResult y = run_op(test);
      for (size_t t = 0; t < 90; ++t) {
        EXPECT_EQ(std::isnan(y.out[0].at(t, 3)), t >= 50 && t < 70) << "row " << t;
      }
    }
  }
}

}  // namespace
}  // namespace plumb::candidates::testing
