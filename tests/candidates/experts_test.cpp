// The router and the experts against float64 loops.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <ostream>

#include "tests/candidates/op_bench.h"

namespace plumb::candidates::testing {
namespace {

using base::DType;

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
  const OpResult y = run_op({.kind = graph::Route{{.num_experts = 5, .top_k = 2}},
                             .inputs = {scores},
                             .out_width = {2, 2}});
  EXPECT_EQ(y.out[0].values, (std::vector<double>{1, 2, 0, 1}));
}

TEST(Route, HandsANaNOn) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor scores{.shape = {1, 4}, .values = {1, nan, 3, 2}};
  const OpResult y = run_op({.kind = graph::Route{{.num_experts = 4, .top_k = 2}},
                             .inputs = {scores},
                             .out_width = {2, 2}});
  EXPECT_TRUE(std::isnan(y.out[1].values[0]));
  EXPECT_NE(y.out[0].values[0], y.out[0].values[1]);
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

TEST_P(Experts, SumTheWeighedAnswersOfTheChosen) {
  const auto [rows, experts, chosen, outer, inner] = GetParam();
  const Tensor x = random_tensor({rows, outer}, 1, 1.0, true);
  Tensor ids{.shape = {rows, chosen}};
  for (int t = 0; t < rows; ++t) {
    for (int i = 0; i < chosen; ++i) ids.values.push_back((t * 5 + i) % experts);
  }
  const Tensor weights = random_tensor({rows, chosen}, 2, 0.5, true);
  const double gain = 1.0 / std::sqrt(outer);
  const Tensor gate = random_tensor({experts, inner, outer}, 3, gain, true);
  const Tensor up = random_tensor({experts, inner, outer}, 4, gain, true);
  const Tensor down = random_tensor({experts, outer, inner}, 5, gain, true);
  for (const DType precision : {DType::kF32, DType::kBF16}) {
    const OpResult y =
        run_op({.kind = graph::Experts{.experts = experts, .intermediate_size = inner},
                .inputs = {x, ids, weights},
                .weights = {gate, up, down},
                .out_width = {outer},
                .precision = precision});
    const auto h = static_cast<size_t>(outer);
    const auto f = static_cast<size_t>(inner);
    for (size_t t = 0; t < x.rows(); ++t) {
      std::vector<double> expected(h, 0.0);
      for (size_t i = 0; i < ids.width(); ++i) {
        const auto e = static_cast<size_t>(ids.at(t, i));
        for (size_t j = 0; j < f; ++j) {
          double g = 0.0;
          double u = 0.0;
          for (size_t k = 0; k < h; ++k) {
            g += gate.values[(e * f + j) * h + k] * x.at(t, k);
            u += up.values[(e * f + j) * h + k] * x.at(t, k);
          }
          const double product = g / (1.0 + std::exp(-g)) * u * weights.at(t, i);
          for (size_t k = 0; k < h; ++k) expected[k] += down.values[(e * h + k) * f + j] * product;
        }
      }
      for (size_t k = 0; k < h; ++k) ASSERT_NEAR(y.out[0].at(t, k), expected[k], 2e-6);
    }
  }
}

}  // namespace
}  // namespace plumb::candidates::testing
