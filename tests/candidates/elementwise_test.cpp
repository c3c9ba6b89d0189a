// The ops that treat each element or each row alike, against float64 loops.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "graph/rope_frequencies.h"
#include "tests/candidates/op_bench.h"

namespace plumb::candidates::testing {
namespace {

constexpr double kU = 0x1p-24;

// Every element of `actual` within `roundings` float32 roundings of f(row, column).
template <class Function>
void expect_rounded(const Tensor& actual, double roundings, Function&& f) {
  for (size_t t = 0; t < actual.rows(); ++t) {
    for (size_t i = 0; i < actual.width(); ++i) {
      const double expected = f(t, i);
      ASSERT_NEAR(actual.at(t, i), expected, roundings * kU * std::abs(expected))
          << "row " << t << ", column " << i;
    }
  }
}

TEST(Elementwise, AddsAndScalesWithOneRounding) {
  for (const int width : {1, 3, 16, 37, 130}) {
    const Tensor a = random_tensor({5, width}, 1);
    const Tensor b = random_tensor({5, width}, 2);
    const OpResult sum = run_op({.kind = graph::Add{}, .inputs = {a, b}, .out_width = {width}});
    expect_rounded(sum.out[0], 1.0, [&](size_t t, size_t i) { return a.at(t, i) + b.at(t, i); });
    const double factor = std::sqrt(48.0);
    const OpResult scaled =
        run_op({.kind = graph::Scale{.factor = factor}, .inputs = {a}, .out_width = {width}});
    expect_rounded(scaled.out[0], 2.0, [&](size_t t, size_t i) { return factor * a.at(t, i); });
  }
}

TEST(Elementwise, CapsSoftlyWithOneRounding) {
  for (const double cap : {0.5, 30.0}) {
    const Tensor x = random_tensor({7, 33}, 3, 20.0);
    const OpResult y =
        run_op({.kind = graph::SoftCap{.cap = cap}, .inputs = {x}, .out_width = {33}});
    expect_rounded(y.out[0], 1.01,
                   [&](size_t t, size_t i) { return cap * std::tanh(x.at(t, i) / cap); });
  }
}

// By the formulas of graph/op_table.cpp; the complementary error function for gelu's left tail.
double activated(model::Activation activation, double x) {
  switch (activation) {
    case model::Activation::kSilu:
      return x / (1.0 + std::exp(-x));
    case model::Activation::kGelu:
      return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    case model::Activation::kGeluTanh:
      return x / (1.0 + std::exp(-2.0 * std::sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x)));
    case model::Activation::kRelu:
      return std::max(x, 0.0);
    case model::Activation::kRelu2:
      return x > 0.0 ? x * x : 0.0;
    case model::Activation::kSigmoid:
      return 1.0 / (1.0 + std::exp(-x));
    case model::Activation::kXielu:
    case model::Activation::kClampedGlu:
      break;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

constexpr model::Activation kActivations[] = {model::Activation::kSilu, model::Activation::kGelu,
                                              model::Activation::kGeluTanh,
                                              model::Activation::kRelu, model::Activation::kRelu2};

TEST(Elementwise, GatesWithOneRoundingOverTheWholeRange) {
  // From deep in the left tail to far right, and around 0 down to tiny magnitudes.
  Tensor gate{.shape = {1, 0}};
  for (double x = -30.0; x <= 30.0; x += 0.0037) gate.values.push_back(static_cast<float>(x));
  for (double x = 1.0; x > 1e-30; x *= 0.77) {
    gate.values.push_back(static_cast<float>(x));
    gate.values.push_back(static_cast<float>(-x));
  }
  gate.shape[1] = static_cast<int64_t>(gate.values.size());
  const int width = static_cast<int>(gate.shape[1]);
  const Tensor up = random_tensor({1, width}, 4);
  for (const model::Activation activation : kActivations) {
    const OpResult y = run_op(
        {.kind = graph::GatedActivation{activation}, .inputs = {gate, up}, .out_width = {width}});
    for (size_t i = 0; i < gate.values.size(); ++i) {
      const double expected = activated(activation, gate.values[i]) * up.values[i];
      // Half an ulp; below the least normal number the spacing is fixed.
      ASSERT_NEAR(y.out[0].values[i], expected, 1.01 * kU * std::abs(expected) + 0x1p-149)
          << model::to_text(activation) << " of " << gate.values[i];
    }
  }
}

TEST(Elementwise, KeepsNaNsAndInfinities) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  const Tensor x{.shape = {1, 5}, .values = {nan, 1.0, inf, -1.0, nan}};
  const Tensor one{.shape = {1, 5}, .values = {1.0, 1.0, 1.0, 1.0, nan}};
  for (const model::Activation activation : kActivations) {
    const OpResult y =
        run_op({.kind = graph::GatedActivation{activation}, .inputs = {x, one}, .out_width = {5}});
    EXPECT_TRUE(std::isnan(y.out[0].values[0]));
    EXPECT_TRUE(std::isfinite(y.out[0].values[1]));
    EXPECT_EQ(y.out[0].values[2], inf);
    EXPECT_TRUE(std::isnan(y.out[0].values[4]));
  }
  const OpResult capped =
      run_op({.kind = graph::SoftCap{.cap = 5.0}, .inputs = {x}, .out_width = {5}});
  EXPECT_TRUE(std::isnan(capped.out[0].values[0]));
  EXPECT_EQ(capped.out[0].values[2], 5.0);
}

TEST(RmsNorm, NormalizesEveryGroupByItself) {
  for (const int groups : {1, 3}) {
    for (const int width : {1, 5, 16, 67}) {
      for (const bool unit_offset : {false, true}) {
        const double eps = 1e-2;
        const Tensor x = random_tensor({4, groups * width}, 5);
        const Tensor w = random_tensor({width}, 6);
        const OpResult y = run_op(
            {.kind = graph::RmsNorm{.eps = eps, .groups = groups, .unit_offset = unit_offset},
             .inputs = {x},
             .weights = {w},
             .out_width = {groups * width}});
        // A rounding each: the sum (few lanes), the inverse, two products, the offset.
        expect_rounded(y.out[0], 4.0 + width / 2.0, [&](size_t t, size_t i) {
          const size_t n = static_cast<size_t>(width);
          double squares = 0.0;
          for (size_t k = i / n * n; k < (i / n + 1) * n; ++k) squares += x.at(t, k) * x.at(t, k);
          const double weight = w.values[i % n] + (unit_offset ? 1.0 : 0.0);
          return x.at(t, i) / std::sqrt(squares / width + eps) * weight;
        });
      }
    }
  }
}

TEST(Rope, RotatesPairsByThePositionOfTheCall) {
  for (const int dim : {16, 18, 24}) {
    const int heads = 3;
    const model::RopeSpec rope{.theta = 10000.0, .rotary_dim = dim == 24 ? 12 : dim};
    const Tensor x = random_tensor({70, heads * dim}, 7);
    const int64_t first = 1000000;
    const OpResult y = run_op({.kind = graph::Rope{.heads = heads, .head_dim = dim, .rope = rope},
                               .inputs = {x},
                               .out_width = {heads * dim},
                               .calls = {40, 1, 29},
                               .first_position = first});
    const std::vector<double> frequencies = graph::inverse_frequencies(rope, 0.0);
    const size_t half = frequencies.size();
    for (size_t t = 0; t < x.rows(); ++t) {
      for (size_t i = 0; i < x.width(); ++i) {
        const size_t in_head = i % static_cast<size_t>(dim);
        if (in_head >= 2 * half) {
          ASSERT_EQ(y.out[0].at(t, i), x.at(t, i));
          continue;
        }
        const double angle =
            static_cast<double>(first + static_cast<int64_t>(t)) * frequencies[in_head % half];
        const bool upper = in_head >= half;
        const double partner = x.at(t, upper ? i - half : i + half);
        const double expected =
            x.at(t, i) * std::cos(angle) + (upper ? partner : -partner) * std::sin(angle);
        // Two products, each with a rounded factor, and their sum.
        const double size = std::abs(x.at(t, i)) + std::abs(partner);
        ASSERT_NEAR(y.out[0].at(t, i), expected, 3.0 * kU * size);
      }
    }
  }
}

TEST(Rope, TakesItsFrequenciesFromTheLengthUpToTheEndOfTheCall) {
  const model::RopeSpec rope{.theta = 10000.0,
                             .rotary_dim = 8,
                             .scaling = {.kind = model::RopeScaling::Kind::kDynamic,
                                         .factor = 2.0,
                                         .max_position_embeddings = 10}};
  const Tensor x = random_tensor({20, 8}, 8);
  const OpResult y = run_op({.kind = graph::Rope{.heads = 1, .head_dim = 8, .rope = rope},
                             .inputs = {x},
                             .out_width = {8},
                             .calls = {15, 5}});
  for (const size_t t : {14, 15, 19}) {
    const std::vector<double> frequencies = graph::inverse_frequencies(rope, t < 15 ? 15 : 20);
    for (size_t i = 0; i < 4; ++i) {
      const double angle = static_cast<double>(t) * frequencies[i];
      EXPECT_NEAR(y.out[0].at(t, i),
                  x.at(t, i) * std::cos(angle) - x.at(t, i + 4) * std::sin(angle), 1e-6);
    }
  }
}

TEST(Embedding, LooksTokensUp) {
  const Tensor x = random_tensor({9, 13}, 9);
  const OpResult y =
      run_op({.kind = graph::Scale{.factor = 1.0}, .inputs = {x}, .out_width = {13}});
  EXPECT_EQ(y.out[0].values, x.values);
}

}  // namespace
}  // namespace plumb::candidates::testing
