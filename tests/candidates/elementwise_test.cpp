// The ops that treat each element alike, against float64 loops.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/candidates/op_bench.h"

namespace plumb::candidates::testing {
namespace {

constexpr double kU = 0x1p-24;

TEST(Elementwise, AddsAndScalesWithOneRounding) {
  for (const int width : {1, 3, 16, 37, 130}) {
    const Tensor a = random_tensor({5, width}, 1);
    const Tensor b = random_tensor({5, width}, 2);
    for (const double multiplier : {1.0, 0.22}) {
      const OpResult sum =
          run_op({.kind = graph::Add{multiplier}, .inputs = {a, b}, .out_width = {width}});
      expect_rounded(sum.out[0], 1.0,
                     [&](size_t t, size_t i) { return a.at(t, i) + multiplier * b.at(t, i); });
    }
    for (const bool rounded : {false, true}) {
      const double factor = std::sqrt(48.0);
      const OpResult scaled =
          run_op({.kind = graph::Scale{.factor = factor, .factor_rounded = rounded},
                  .inputs = {a},
                  .out_width = {width}});
      const double held = rounded ? static_cast<float>(factor) : factor;
      expect_rounded(scaled.out[0], 1.0, [&](size_t t, size_t i) { return held * a.at(t, i); });
    }
  }
}

TEST(Elementwise, MixesTheStreamAndTheBranchByChannel) {
  const int width = 37;
  const Tensor stream = random_tensor({5, width}, 1);
  const Tensor branch = random_tensor({5, width}, 2);
  Tensor w = random_tensor({width}, 3);
  w.values[0] = 30.0;  // beta is 1 to the last bit, alpha at its least
  const OpResult y = run_op({.kind = graph::GatedResidual{},
                             .inputs = {stream, branch},
                             .weights = {w},
                             .out_width = {width}});
  for (size_t t = 0; t < 5; ++t) {
    for (size_t i = 0; i < stream.width(); ++i) {
      const double beta = 1.0 / (1.0 + std::exp(-w.values[i] / 0.3));
      const double alpha = std::sqrt(std::max(1.0 - beta * beta, 1e-3));
      const double a = alpha * stream.at(t, i);
      const double b = beta * branch.at(t, i);
      EXPECT_NEAR(y.out[0].at(t, i), a + b, 2.0 * kU * (std::abs(a) + std::abs(b)));
    }
  }
}

TEST(Elementwise, ClampsBothWays) {
  const Tensor x = random_tensor({3, 37}, 4);
  const OpResult y =
      run_op({.kind = graph::Clamp{.limit = 0.75}, .inputs = {x}, .out_width = {37}});
  for (size_t i = 0; i < x.values.size(); ++i) {
    EXPECT_EQ(y.out[0].values[i], std::clamp(x.values[i], -0.75, 0.75));
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
double gelu_by_tanh(double x, double factor) {
  return x / (1.0 + std::exp(-2.0 * factor * (x + 0.044715 * x * x * x)));
}

double activated(model::Activation activation, double x) {
  switch (activation) {
    case model::Activation::kSilu:
      return x / (1.0 + std::exp(-x));
    case model::Activation::kGelu:
      return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    case model::Activation::kGeluTanh:
      return gelu_by_tanh(x, std::sqrt(2.0 / M_PI));
    case model::Activation::kGeluFast:
      return gelu_by_tanh(x, 0.7978845608);
    case model::Activation::kGeluBloom:
      return gelu_by_tanh(x, 0.79788456);
    case model::Activation::kQuickGelu:
      return x / (1.0 + std::exp(-1.702 * x));
    case model::Activation::kRelu:
      return std::max(x, 0.0);
    case model::Activation::kRelu2:
      return x > 0.0 ? x * x : 0.0;
    case model::Activation::kSigmoid:
      return 1.0 / (1.0 + std::exp(-x));
    case model::Activation::kSoftplus:
      return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
    case model::Activation::kIdentity:
      return x;
    case model::Activation::kXielu:
    case model::Activation::kClampedGlu:
      break;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

constexpr model::Activation kActivations[] = {
    model::Activation::kSilu,     model::Activation::kGelu,      model::Activation::kGeluTanh,
    model::Activation::kGeluFast, model::Activation::kGeluBloom, model::Activation::kQuickGelu,
    model::Activation::kRelu,     model::Activation::kRelu2,     model::Activation::kSigmoid,
    model::Activation::kSoftplus, model::Activation::kIdentity};

// From deep in the left tail to far right, and around 0 down to tiny magnitudes.
Tensor whole_range() {
  Tensor x{.shape = {1, 0}};
  for (double v = -30.0; v <= 30.0; v += 0.0037) x.values.push_back(static_cast<float>(v));
  for (double v = 1.0; v > 1e-30; v *= 0.77) {
    x.values.push_back(static_cast<float>(v));
    x.values.push_back(static_cast<float>(-v));
  }
  x.shape[1] = static_cast<int64_t>(x.values.size());
  return x;
}

// Half an ulp; below the least normal number the spacing is fixed.
void expect_rounded_once(double actual, double expected, double x) {
  ASSERT_NEAR(actual, expected, 1.01 * kU * std::abs(expected) + 0x1p-149) << "of " << x;
}

TEST(Elementwise, ActivatesAndGatesWithOneRoundingOverTheWholeRange) {
  const Tensor x = whole_range();
  const int width = static_cast<int>(x.width());
  const Tensor up = random_tensor({1, width}, 4);
  for (const model::Activation activation : kActivations) {
    SCOPED_TRACE(model::to_text(activation));
    const OpResult gated = run_op(
        {.kind = graph::GatedActivation{activation}, .inputs = {x, up}, .out_width = {width}});
    const OpResult gate =
        run_op({.kind = graph::Gate{activation}, .inputs = {up, x}, .out_width = {width}});
    const OpResult alone =
        run_op({.kind = graph::Activate{activation}, .inputs = {x}, .out_width = {width}});
    EXPECT_EQ(gate.out[0].values, gated.out[0].values);
    for (size_t i = 0; i < x.values.size(); ++i) {
      const double expected = activated(activation, x.values[i]);
      expect_rounded_once(alone.out[0].values[i], expected, x.values[i]);
      expect_rounded_once(gated.out[0].values[i], expected * up.values[i], x.values[i]);
    }
  }
}

TEST(Elementwise, OneGateServesAWholeRow) {
  const Tensor x = random_tensor({6, 19}, 5);
  const Tensor gate = random_tensor({6, 1}, 6, 2.0);
  for (const model::Activation activation : kActivations) {
    const OpResult y =
        run_op({.kind = graph::Gate{activation}, .inputs = {x, gate}, .out_width = {19}});
    expect_rounded(y.out[0], 1.01, [&](size_t t, size_t i) {
      return x.at(t, i) * activated(activation, gate.at(t, 0));
    });
  }
}

TEST(Elementwise, XieluBendsByItsFourScalars) {
  const Tensor x = whole_range();
  const int width = static_cast<int>(x.width());
  const Tensor scalars[] = {
      {{1}, {0.5}}, {{1}, {-0.25}}, {{1}, {0.5}}, {{1}, {static_cast<float>(-1e-6)}}};
  const OpResult y = run_op({.kind = graph::Activate{model::Activation::kXielu},
                             .inputs = {x},
                             .weights = {scalars[0], scalars[1], scalars[2], scalars[3]},
                             .out_width = {width}});
  const double positive = std::log1p(std::exp(0.5));
  const double negative = 0.5 + std::log1p(std::exp(-0.25));
  for (size_t i = 0; i < x.values.size(); ++i) {
    const double v = x.values[i];
    const double eps = scalars[3].values[0];
    const double bent = v > 0.0 ? positive * v * v : (std::expm1(std::min(v, eps)) - v) * negative;
    expect_rounded_once(y.out[0].values[i], bent + 0.5 * v, v);
  }
}

TEST(Elementwise, JoinsItsInputsWithinEachGroup) {
  const Tensor a = random_tensor({3, 6}, 7);
  const Tensor b = random_tensor({3, 4}, 8);
  const OpResult whole = run_op({.kind = graph::Concat{}, .inputs = {a, b}, .out_width = {10}});
  const OpResult grouped =
      run_op({.kind = graph::Concat{.groups = 2}, .inputs = {a, b}, .out_width = {10}});
  const OpResult shared = run_op({.kind = graph::Concat{.groups = 2, .broadcast_last = true},
                                  .inputs = {a, b},
                                  .out_width = {14}});
  for (size_t t = 0; t < 3; ++t) {
    const auto row = [t](const OpResult& y) {
      const auto begin = y.out[0].values.begin() + static_cast<ptrdiff_t>(t * y.out[0].width());
      return std::vector<double>(begin, begin + static_cast<ptrdiff_t>(y.out[0].width()));
    };
    const auto x = [&](size_t i) { return a.at(t, i); };
    const auto z = [&](size_t i) { return b.at(t, i); };
    EXPECT_EQ(row(whole),
              (std::vector{x(0), x(1), x(2), x(3), x(4), x(5), z(0), z(1), z(2), z(3)}));
    EXPECT_EQ(row(grouped),
              (std::vector{x(0), x(1), x(2), z(0), z(1), x(3), x(4), x(5), z(2), z(3)}));
    EXPECT_EQ(row(shared), (std::vector{x(0), x(1), x(2), z(0), z(1), z(2), z(3), x(3), x(4), x(5),
                                        z(0), z(1), z(2), z(3)}));
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
    EXPECT_EQ(y.out[0].values[2], activation == model::Activation::kSigmoid ? 1.0 : inf);
    EXPECT_TRUE(std::isnan(y.out[0].values[4]));
  }
  const Tensor half{.shape = {1}, .values = {0.5}};
  const OpResult bent = run_op({.kind = graph::Activate{model::Activation::kXielu},
                                .inputs = {x},
                                .weights = {half, half, half, half},
                                .out_width = {5}});
  EXPECT_TRUE(std::isnan(bent.out[0].values[0]));
  EXPECT_EQ(bent.out[0].values[2], inf);
  const OpResult clamped =
      run_op({.kind = graph::Clamp{.limit = 0.5}, .inputs = {x}, .out_width = {5}});
  EXPECT_TRUE(std::isnan(clamped.out[0].values[0]));
  EXPECT_EQ(clamped.out[0].values[2], 0.5);
  const OpResult capped =
      run_op({.kind = graph::SoftCap{.cap = 5.0}, .inputs = {x}, .out_width = {5}});
  EXPECT_TRUE(std::isnan(capped.out[0].values[0]));
  EXPECT_EQ(capped.out[0].values[2], 5.0);
}

TEST(Embedding, LooksTokensUp) {
  const Tensor x = random_tensor({9, 13}, 9);
  const OpResult y =
      run_op({.kind = graph::Scale{.factor = 1.0}, .inputs = {x}, .out_width = {13}});
  EXPECT_EQ(y.out[0].values, x.values);
}

}  // namespace
}  // namespace plumb::candidates::testing
