// The router and the experts against float64 loops.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <ostream>
#include <set>

#include "tests/candidates/op_bench.h"

namespace plumb::candidates::testing {
namespace {

using base::DType;
using model::Activation;
using Scores = model::RouterSpec::Scores;

TEST(Route, ChoosesTheBestAndWeighsThem) {
  for (const bool normalize : {true, false}) {
    const Tensor scores = random_tensor({40, 7}, 1, 2.0);
    const OpResult y =
        run_op({.kind = graph::Route{{.num_experts = 7, .top_k = 3, .normalize = normalize}},
                .inputs = {scores},
                .out_width = {3, 3}});
    for (size_t t = 0; t < 40; ++t) {
      double all = 0.0;
      for (size_t e = 0; e < 7; ++e) all += std::exp(scores.at(t, e));
      double chosen = 0.0;
      double last = std::numeric_limits<double>::infinity();
      for (size_t i = 0; i < 3; ++i) {
        const double score = scores.at(t, static_cast<size_t>(y.out[0].at(t, i)));
        EXPECT_LE(score, last);
        last = score;
        chosen += std::exp(score);
      }
      size_t better = 0;
      for (size_t e = 0; e < 7; ++e) better += scores.at(t, e) > last;
      EXPECT_EQ(better, 2U);
      for (size_t i = 0; i < 3; ++i) {
        const double score = scores.at(t, static_cast<size_t>(y.out[0].at(t, i)));
        EXPECT_NEAR(y.out[1].at(t, i), std::exp(score) / (normalize ? chosen : all), 1e-7);
      }
    }
  }
}

TEST(Route, TakesTheLowerExpertAmongEquals) {
  const Tensor scores{.shape = {2, 5}, .values = {1, 3, 3, 3, 0, 2, 2, 2, 2, 2}};
  for (const auto kind : {Scores::kSoftmax, Scores::kSigmoid, Scores::kSoftmaxOfChosen}) {
    const OpResult y = run_op({.kind = graph::Route{{.num_experts = 5, .top_k = 2, .scores = kind}},
                               .inputs = {scores},
                               .out_width = {2, 2}});
    EXPECT_EQ(y.out[0].values, (std::vector<double>{1, 2, 0, 1}));
  }
}

TEST(Route, TakesTheLowerGroupAmongEquals) {
  const Tensor scores{.shape = {1, 6}, .values = {1, 2, 0, 3, 2, 1}};
  const OpResult y = run_op({.kind = graph::Route{{.num_experts = 6,
                                                   .top_k = 2,
                                                   .scores = Scores::kSoftmaxOfChosen,
                                                   .num_groups = 3,
                                                   .top_groups = 1}},
                             .inputs = {scores},
                             .out_width = {2, 2}});
  EXPECT_EQ(y.out[0].values, (std::vector<double>{1, 0}));
}

TEST(Route, HandsANaNOn) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor scores{.shape = {1, 4}, .values = {1, nan, 3, 2}};
  for (const auto kind : {Scores::kSoftmax, Scores::kSigmoid, Scores::kSoftmaxOfChosen}) {
    const OpResult y = run_op({.kind = graph::Route{{.num_experts = 4, .top_k = 4, .scores = kind}},
                               .inputs = {scores},
                               .out_width = {4, 4}});
    EXPECT_EQ(std::set<double>(y.out[0].values.begin(), y.out[0].values.end()).size(), 4U);
    EXPECT_TRUE(std::isnan(y.out[1].values[0]) || std::isnan(y.out[1].values[3]));
  }
}

// Choices that groups and a correction make by hand: the scores are equal but for what is planted.
TEST(Route, ChoosesByCorrectedScoresAmongTheBestGroupsAndWeighsByTheScoresAlone) {
  // Groups {0, 1, 2}, {3, 4, 5}, {6, 7, 8}; corrected: group 0 is worth 1.1, group 1 has the best
  // expert and is worth 1.0, group 2 is worth 1.2.
  const std::vector<double> wanted = {0.6, 0.5, 0.1, 0.9, 0.1, 0.05, 0.7, 0.5, 0.2};
  const std::vector<double> shift = {0, 0, 0, 0.25, 0, 0, -0.125, 0.125, 0};
  Tensor logits{.shape = {1, 9}};
  for (size_t e = 0; e < 9; ++e) {
    const double score = wanted[e] - shift[e];
    logits.values.push_back(static_cast<float>(std::log(score / (1.0 - score))));
  }
  const OpResult y = run_op({.kind = graph::Route{{.num_experts = 9,
                                                   .top_k = 3,
                                                   .scores = Scores::kSigmoid,
                                                   .correction_bias = true,
                                                   .num_groups = 3,
                                                   .top_groups = 2,
                                                   .scaling = 2.5}},
                             .inputs = {logits},
                             .weights = {{{9}, shift}},
                             .out_width = {3, 3}});
  EXPECT_EQ(y.out[0].values, (std::vector<double>{6, 0, 1}));
  const double sum = 0.825 + 0.6 + 0.5;
  EXPECT_NEAR(y.out[1].values[0], 2.5 * 0.825 / sum, 1e-6);
  EXPECT_NEAR(y.out[1].values[1], 2.5 * 0.6 / sum, 1e-6);
  EXPECT_NEAR(y.out[1].values[2], 2.5 * 0.5 / sum, 1e-6);
}

TEST(Route, WeighsByASoftmaxOverTheChosenAlone) {
  const Tensor logits = random_tensor({20, 6}, 6, 2.0);
  const OpResult y = run_op(
      {.kind = graph::Route{{.num_experts = 6, .top_k = 3, .scores = Scores::kSoftmaxOfChosen}},
       .inputs = {logits},
       .out_width = {3, 3}});
  for (size_t t = 0; t < 20; ++t) {
    double sum = 0.0;
    const auto power = [&](size_t i) {
      return std::exp(logits.at(t, static_cast<size_t>(y.out[0].at(t, i))));
    };
    for (size_t i = 0; i < 3; ++i) sum += power(i);
    for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(y.out[1].at(t, i), power(i) / sum, 1e-7);
  }
}

struct Shape {
  int rows;
  int experts;
  int chosen;
  int outer;
  int inner;
};

// In the names of tests.
std::ostream& operator<<(std::ostream& os, const Shape& s) {
  return os << s.rows << " rows, " << s.chosen << " of " << s.experts << " experts, " << s.outer
            << "x" << s.inner;
}

class Experts : public ::testing::TestWithParam<Shape> {};

// One row, rows that leave experts idle, experts with few rows and with many.
INSTANTIATE_TEST_SUITE_P(Shapes, Experts,
                         ::testing::Values(Shape{1, 8, 2, 16, 24}, Shape{3, 8, 1, 13, 7},
                                           Shape{40, 4, 3, 16, 24}, Shape{60, 3, 1, 17, 9}));

// Inputs x, ids, weights; weights gate, up, down and their biases.
OpCase case_of(const Shape& shape, bool bias) {
  const auto [rows, experts, chosen, outer, inner] = shape;
  Tensor ids{.shape = {rows, chosen}};
  for (int t = 0; t < rows; ++t) {
    for (int i = 0; i < chosen; ++i) ids.values.push_back((t * 5 + i) % experts);
  }
  const double gain = 1.0 / std::sqrt(outer);
  OpCase test{.kind = graph::Experts{.experts = experts, .intermediate_size = inner, .bias = bias},
              .inputs = {random_tensor({rows, outer}, 1, 1.0, true), ids,
                         random_tensor({rows, chosen}, 2, 0.5, true)},
              .weights = {random_tensor({experts, inner, outer}, 3, gain, true),
                          random_tensor({experts, inner, outer}, 4, gain, true),
                          random_tensor({experts, outer, inner}, 5, gain, true)},
              .out_width = {outer}};
  if (bias) {
    test.weights.push_back(random_tensor({experts, inner}, 6, 0.5, true));
    test.weights.push_back(random_tensor({experts, inner}, 7, 0.5, true));
    test.weights.push_back(random_tensor({experts, outer}, 8, 0.5, true));
  }
  return test;
}

// Row `row` of expert e's part of weight number `index` times x, with its bias.
double projected(const OpCase& test, size_t index, size_t e, size_t row,
                 const std::vector<double>& x) {
  const Tensor& w = test.weights[index];
  const size_t at = e * static_cast<size_t>(w.shape[1]) + row;
  double sum = test.weights.size() > 3 ? test.weights[index + 3].values[at] : 0.0;
  for (size_t k = 0; k < x.size(); ++k) sum += w.values[at * x.size() + k] * x[k];
  return sum;
}

using Glu = double (*)(double gate, double up);

std::vector<double> row_of_experts(const OpCase& test, size_t t, Glu glu) {
  const Tensor& x = test.inputs[0];
  const auto inner = static_cast<size_t>(test.weights[0].shape[1]);
  const auto begin = x.values.begin() + static_cast<ptrdiff_t>(t * x.width());
  const std::vector<double> in(begin, begin + static_cast<ptrdiff_t>(x.width()));
  std::vector<double> y(x.width(), 0.0);
  for (size_t i = 0; i < test.inputs[1].width(); ++i) {
    const auto e = static_cast<size_t>(test.inputs[1].at(t, i));
    std::vector<double> product;
    for (size_t j = 0; j < inner; ++j) {
      product.push_back(glu(projected(test, 0, e, j, in), projected(test, 1, e, j, in)));
    }
    for (size_t k = 0; k < y.size(); ++k) {
      y[k] += test.inputs[2].at(t, i) * projected(test, 2, e, k, product);
    }
  }
  return y;
}

void expect_experts(OpCase test, Glu glu) {
  for (const DType precision : {DType::kF32, DType::kBF16}) {
    test.precision = precision;
    const OpResult y = run_op(test);
    for (size_t t = 0; t < test.inputs[0].rows(); ++t) {
      const std::vector<double> expected = row_of_experts(test, t, glu);
      for (size_t k = 0; k < expected.size(); ++k) {
        ASSERT_NEAR(y.out[0].at(t, k), expected[k], 3e-6) << "row " << t;
      }
    }
  }
}

double silu_glu(double gate, double up) {
  return gate / (1.0 + std::exp(-gate)) * up;
}

TEST_P(Experts, SumTheWeighedAnswersOfTheChosen) {
  expect_experts(case_of(GetParam(), false), silu_glu);
  expect_experts(case_of(GetParam(), true), silu_glu);
}

constexpr double kLimit = 0.75;
constexpr double kAlpha = 1.702;

TEST_P(Experts, MayClampTheirGates) {
  OpCase test = case_of(GetParam(), true);
  auto& op = std::get<graph::Experts>(test.kind);
  op.activation = Activation::kClampedGlu;
  op.glu_limit = kLimit;
  op.glu_alpha = kAlpha;
  expect_experts(test, [](double gate, double up) {
    const double g = std::min(gate, kLimit);
    return g / (1.0 + std::exp(-kAlpha * g)) * (std::clamp(up, -kLimit, kLimit) + 1.0);
  });
}

}  // namespace
}  // namespace plumb::candidates::testing
