// The causal convolution and the decay of delta nets against their formulas in float64: shapes, any
// split into calls, numbers at the ends of the range.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/candidates/op_bench.h"

namespace plumb::candidates::testing {
namespace {

constexpr double kU = 0x1p-24;

TEST(CausalConv, SumsTheLastInputsOfEveryChannel) {
  struct Shape {
    int channels;
    int filters;
    int kernel;
  };
  for (const Shape shape : {Shape{6, 6, 4}, Shape{37, 37, 3}, Shape{24, 3, 2}, Shape{5, 5, 1}}) {
    const Tensor x = random_tensor({30, shape.channels}, 1);
    const Tensor w = random_tensor({shape.filters, shape.kernel}, 2);
    const auto expected = [&](size_t t, size_t c, bool silu) {
      const auto kernel = static_cast<size_t>(shape.kernel);
      const size_t filter = c / static_cast<size_t>(shape.channels / shape.filters);
      double sum = 0.0;
      for (size_t back = 0; back < kernel && back <= t; ++back) {
        sum += w.at(filter, kernel - 1 - back) * x.at(t - back, c);
      }
      return silu ? sum / (1.0 + std::exp(-sum)) : sum;
    };
    for (const bool silu : {false, true}) {
      for (const auto& calls : {std::vector<size_t>{}, std::vector<size_t>{1, 1, 2, 9, 1, 16},
                                std::vector<size_t>(30, 1)}) {
        const OpResult y = run_op(
            {.kind =
                 graph::CausalConv{.filters = shape.filters, .kernel = shape.kernel, .silu = silu},
             .inputs = {x},
             .weights = {w},
             .out_width = {shape.channels},
             .calls = calls});
        for (size_t t = 0; t < x.rows(); ++t) {
          for (size_t c = 0; c < x.width(); ++c) {
            // Four products of numbers below 3.5 each.
            ASSERT_NEAR(y.out[0].at(t, c), expected(t, c, silu), 20.0 * kU) << t << ", " << c;
          }
        }
      }
    }
  }
}

TEST(CausalConv, KeepsANaNAsLongAsItIsSeen) {
  Tensor x = random_tensor({12, 8}, 3);
  x.values[4 * 8 + 2] = std::numeric_limits<double>::quiet_NaN();
  for (const auto& calls : {std::vector<size_t>{}, std::vector<size_t>(12, 1)}) {
    const OpResult y = run_op({.kind = graph::CausalConv{.filters = 8, .kernel = 3, .silu = true},
                               .inputs = {x},
                               .weights = {random_tensor({8, 3}, 4)},
                               .out_width = {8},
                               .calls = calls});
    for (size_t t = 0; t < 12; ++t) {
      for (size_t c = 0; c < 8; ++c) {
        EXPECT_EQ(std::isnan(y.out[0].at(t, c)), c == 2 && t >= 4 && t < 7);
      }
    }
  }
}

TEST(DeltaDecay, IsMinusTheRateTimesASoftplus) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Tensor a = random_tensor({9, 3}, 5, 12.0);  // beyond 20, where softplus is its argument
  a.values[4] = nan;
  const Tensor log_rate = random_tensor({3}, 6);
  const Tensor bias = random_tensor({3}, 7);
  const OpResult g = run_op(
      {.kind = graph::DeltaDecay{}, .inputs = {a}, .weights = {log_rate, bias}, .out_width = {3}});
  for (size_t t = 0; t < 9; ++t) {
    for (size_t h = 0; h < 3; ++h) {
      const double x = a.at(t, h) + bias.values[h];
      const double expected =
          -std::exp(log_rate.values[h]) * (std::log1p(std::exp(-std::abs(x))) + std::max(x, 0.0));
      if (std::isnan(x)) {
        EXPECT_TRUE(std::isnan(g.out[0].at(t, h)));
      } else {
        EXPECT_NEAR(g.out[0].at(t, h), expected, 3.0 * kU * std::abs(expected));
      }
    }
  }
}

}  // namespace
}  // namespace plumb::candidates::testing
