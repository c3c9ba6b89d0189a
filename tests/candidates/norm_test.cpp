// The norms against their formulas in float64: groups, weights shared or each their own, none.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/candidates/op_bench.h"

namespace plumb::candidates::testing {
namespace {

constexpr double kEps = 1e-2;

struct Shape {
  int groups;
  int width;  // of a group
  bool own_weights;
  bool unit_offset;
};

std::vector<Shape> shapes() {
  std::vector<Shape> all;
  for (const int groups : {1, 3}) {
    for (const int width : {1, 5, 16, 67}) {
      for (const bool own : {false, true}) {
        for (const bool offset : {false, true}) all.push_back({groups, width, own, offset});
      }
    }
  }
  return all;
}

// Of one weight or bias as a norm with this shape has it.
Tensor values_for(const Shape& s, uint64_t seed) {
  return s.own_weights ? random_tensor({s.groups, s.width}, seed) : random_tensor({s.width}, seed);
}

double value_at(const Shape& s, const Tensor& values, size_t column) {
  return values.values[s.own_weights ? column : column % static_cast<size_t>(s.width)];
}

// Mean of f over the group of a column.
template <class Function>
double mean_of_group(const Shape& s, size_t column, Function&& f) {
  const auto n = static_cast<size_t>(s.width);
  double sum = 0.0;
  for (size_t k = column / n * n; k < (column / n + 1) * n; ++k) sum += f(k);
  return sum / s.width;
}

// float64 inside, rounded once: 1.01 roundings for a norm of the whole formula.
constexpr double kOnce = 1.01;

TEST(RmsNorm, NormalizesEveryGroupByItself) {
  for (const Shape& s : shapes()) {
    const Tensor x = random_tensor({4, s.groups * s.width}, 5, 1.0, true);
    const Tensor w = values_for(s, 6);
    const graph::RmsNorm op{.eps = kEps, .groups = s.groups, .unit_offset = s.unit_offset};
    for (const base::DType precision : {base::DType::kF32, base::DType::kBF16}) {
      const OpResult y = run_op({.kind = op,
                                 .inputs = {x},
                                 .weights = {w},
                                 .out_width = {s.groups * s.width},
                                 .precision = precision});
      expect_rounded(y.out[0], kOnce, [&](size_t t, size_t i) {
        const double square =
            mean_of_group(s, i, [&](size_t k) { return x.at(t, k) * x.at(t, k); });
        const double weight = value_at(s, w, i) + (s.unit_offset ? 1.0 : 0.0);
        return x.at(t, i) / std::sqrt(square + kEps) * weight;
      });
    }
  }
}

TEST(RmsNorm, ScalesNothingWithoutAWeight) {
  const Shape s{3, 17, false, false};
  const Tensor x = random_tensor({4, 51}, 7);
  const OpResult y =
      run_op({.kind = graph::RmsNorm{.eps = kEps, .groups = 3}, .inputs = {x}, .out_width = {51}});
  expect_rounded(y.out[0], kOnce, [&](size_t t, size_t i) {
    const double square = mean_of_group(s, i, [&](size_t k) { return x.at(t, k) * x.at(t, k); });
    return x.at(t, i) / std::sqrt(square + kEps);
  });
}

TEST(RmsNorm, ScalesItsInputInstead) {
  for (const Shape& s : shapes()) {
    const Tensor x = random_tensor({4, s.groups * s.width}, 8);
    const Tensor w = values_for(s, 9);
    const OpResult y = run_op({.kind = graph::RmsNorm{.eps = kEps,
                                                      .groups = s.groups,
                                                      .unit_offset = s.unit_offset,
                                                      .input_scaled = true},
                               .inputs = {x},
                               .weights = {w},
                               .out_width = {s.groups * s.width}});
    const auto scaled = [&](size_t t, size_t k) {
      return (value_at(s, w, k) + (s.unit_offset ? 1.0 : 0.0)) * x.at(t, k);
    };
    // The scaled input is rounded, and so is the result.
    expect_rounded(y.out[0], 3.0, [&](size_t t, size_t i) {
      const double square =
          mean_of_group(s, i, [&](size_t k) { return scaled(t, k) * scaled(t, k); });
      return scaled(t, i) / std::sqrt(square + kEps);
    });
  }
}

TEST(LayerNorm, TakesTheMeanOffEveryGroupByItself) {
  for (const Shape& s : shapes()) {
    Tensor x = random_tensor({4, s.groups * s.width}, 10);
    for (double& v : x.values) v = static_cast<float>(v + 100.0);  // a mean to be rid of
    const Tensor w = values_for(s, 11);
    const Tensor b = values_for(s, 12);
    const graph::LayerNorm op{.eps = kEps, .groups = s.groups, .unit_offset = s.unit_offset};
    for (const bool with_bias : {false, true}) {
      std::vector<Tensor> weights = {w};
      if (with_bias) weights.push_back(b);
      const OpResult y = run_op(
          {.kind = op, .inputs = {x}, .weights = weights, .out_width = {s.groups * s.width}});
      for (size_t t = 0; t < x.rows(); ++t) {
        for (size_t i = 0; i < x.width(); ++i) {
          const double mean = mean_of_group(s, i, [&](size_t k) { return x.at(t, k); });
          const double variance =
              mean_of_group(s, i, [&](size_t k) { return std::pow(x.at(t, k) - mean, 2); });
          const double weight = value_at(s, w, i) + (s.unit_offset ? 1.0 : 0.0);
          const double expected = (x.at(t, i) - mean) / std::sqrt(variance + kEps) * weight +
                                  (with_bias ? value_at(s, b, i) : 0.0);
          // One rounding; beside a value near 0 the float64 mean of numbers near 100 shows.
          ASSERT_NEAR(y.out[0].at(t, i), expected, kOnce * 0x1p-24 * std::abs(expected) + 1e-12);
        }
      }
    }
  }
}

TEST(LayerNorm, NeedsNoWeight) {
  const Tensor x = random_tensor({3, 20}, 15);
  const OpResult y =
      run_op({.kind = graph::LayerNorm{.eps = kEps}, .inputs = {x}, .out_width = {20}});
  const OpResult ones = run_op({.kind = graph::LayerNorm{.eps = kEps},
                                .inputs = {x},
                                .weights = {{.shape = {20}, .values = std::vector(20, 1.0)}},
                                .out_width = {20}});
  EXPECT_EQ(y.out[0].values, ones.out[0].values);
}

TEST(Norms, HandANaNToItsWholeGroup) {
  Tensor x = random_tensor({2, 12}, 13);
  x.values[7] = std::numeric_limits<double>::quiet_NaN();
  const Tensor w = random_tensor({6}, 14);
  const graph::OpKind kinds[] = {graph::RmsNorm{.eps = kEps, .groups = 2},
                                 graph::LayerNorm{.eps = kEps, .groups = 2}};
  for (const graph::OpKind& kind : kinds) {
    const OpResult y = run_op({.kind = kind, .inputs = {x}, .weights = {w}, .out_width = {12}});
    for (size_t i = 0; i < 24; ++i) {
      EXPECT_EQ(std::isnan(y.out[0].values[i]), i >= 6 && i < 12) << "element " << i;
    }
  }
}

}  // namespace
}  // namespace plumb::candidates::testing
