// Products with weights: gemm and dots, float32 and bfloat16, against float64.
#include "candidates/cpu/products/product.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <ostream>

#include "tests/candidates/forced_target.h"
#include "tests/candidates/op_bench.h"

namespace plumb::candidates::testing {
namespace {

using base::DType;

constexpr double kU = 0x1p-24;

// y = x W^T + b within the bound that no order of summation can exceed.
void expect_product(const Tensor& actual, const Tensor& x, const Tensor& w, const Tensor* bias) {
  const double n = static_cast<double>(w.width());
  for (size_t t = 0; t < x.rows(); ++t) {
    for (size_t j = 0; j < w.rows(); ++j) {
      double sum = bias == nullptr ? 0.0 : bias->values[j];
      double absolute = std::abs(sum);
      for (size_t k = 0; k < w.width(); ++k) {
        sum += x.at(t, k) * w.at(j, k);
        absolute += std::abs(x.at(t, k) * w.at(j, k));
      }
      ASSERT_NEAR(actual.at(t, j), sum, (n + 4.0) * kU * absolute) << "row " << t << ", " << j;
    }
  }
}

struct Shape {
  int rows;
  int inner;
  int columns;
};

// In the names of tests.
std::ostream& operator<<(std::ostream& os, const Shape& s) {
  return os << s.rows << "x" << s.inner << "x" << s.columns;
}

class Product : public ::testing::TestWithParam<Shape> {};

// One row, a few, many, more than a tile; inner and outer sizes that are multiples of nothing.
INSTANTIATE_TEST_SUITE_P(Shapes, Product,
                         ::testing::Values(Shape{1, 1, 1}, Shape{1, 37, 5}, Shape{1, 64, 1031},
                                           Shape{2, 48, 131}, Shape{3, 131, 48}, Shape{7, 33, 70},
                                           Shape{8, 16, 3}, Shape{9, 16, 3}, Shape{41, 48, 131},
                                           Shape{600, 24, 300}, Shape{50, 1000, 30},
                                           Shape{97, 49, 65}, Shape{1, 5000, 40},
                                           Shape{150, 40, 7}));

// The operands are bfloat16 values: none is rounded.
TEST_P(Product, MatchesFloat64InEveryTarget) {
  const auto [rows, inner, columns] = GetParam();
  for (const cpu::Target& target : cpu::usable_targets()) {
    const Forced forced(target);
    for (const DType precision : {DType::kF32, DType::kBF16}) {
      for (const bool with_bias : {false, true}) {
        const Tensor x = random_tensor({rows, inner}, 1, 1.0, true);
        const Tensor w = random_tensor({columns, inner}, 2, 1.0, true);
        const Tensor b = random_tensor({columns}, 3, 1.0, true);
        OpCase test{.kind = graph::Linear{},
                    .inputs = {x},
                    .weights = {w},
                    .out_width = {columns},
                    .precision = precision};
        if (with_bias) test.weights.push_back(b);
        expect_product(run_op(test).out[0], x, w, with_bias ? &b : nullptr);
      }
    }
  }
}

TEST_P(Product, BringsTheRowsOfItsWeightToUnitLength) {
  const auto [rows, inner, columns] = GetParam();
  const Tensor x = random_tensor({rows, inner}, 1, 1.0, true);
  Tensor w = random_tensor({columns, inner}, 2, 1.0, true);
  std::fill_n(w.values.begin(), inner, 0.0);  // a row without a length stays 0
  const Tensor b = random_tensor({columns}, 3, 1.0, true);
  Tensor unit = w;
  for (size_t j = 1; j < w.rows(); ++j) {
    double squares = 0.0;
    for (size_t k = 0; k < w.width(); ++k) squares += w.at(j, k) * w.at(j, k);
    for (size_t k = 0; k < w.width(); ++k) {
      unit.values[j * w.width() + k] /= std::max(std::sqrt(squares), 1e-12);
    }
  }
  for (const DType precision : {DType::kF32, DType::kBF16}) {
    for (const bool with_bias : {false, true}) {
      OpCase test{.kind = graph::Linear{.normalized_rows = true},
                  .inputs = {x},
                  .weights = {w},
                  .out_width = {columns},
                  .precision = precision};
      if (with_bias) test.weights.push_back(b);
      expect_product(run_op(test).out[0], x, unit, with_bias ? &b : nullptr);
    }
  }
}

TEST(ProductWeights, OfAnotherTypeAreRoundedToTheEnginesOnce) {
  const Tensor x = random_tensor({3, 20}, 4, 1.0, true);
  const Tensor w = random_tensor({6, 20}, 5);  // float32 values
  Tensor rounded = w;
  for (double& v : rounded.values) v = base::round_to(DType::kBF16, v);
  for (const DType stored : {DType::kF32, DType::kF64}) {
    OpCase test{.kind = graph::Linear{},
                .inputs = {x},
                .weights = {w},
                .out_width = {6},
                .precision = DType::kBF16,
                .stored = stored};
    expect_product(run_op(test).out[0], x, rounded, nullptr);
    test.precision = DType::kF32;
    expect_product(run_op(test).out[0], x, w, nullptr);
  }
}

TEST(ProductWeights, OfTheirOwnTypeAreUsedInPlaceAndAgreeWithCopies) {
  const Tensor x = random_tensor({5, 24}, 6, 1.0, true);
  const Tensor w = random_tensor({10, 24}, 7, 1.0, true);
  for (const DType precision : {DType::kF32, DType::kBF16}) {
    OpCase test{.kind = graph::Linear{},
                .inputs = {x},
                .weights = {w},
                .out_width = {10},
                .precision = precision,
                .stored = precision};
    const OpResult in_place = run_op(test);
    test.stored = DType::kF64;
    EXPECT_EQ(in_place.out[0].values, run_op(test).out[0].values);
  }
}

TEST(ProductWeights, OfBfloat16GiveAFloat32EngineTheBitsOfWidenedOnes) {
  for (const cpu::Target& target : cpu::usable_targets()) {
    const Forced forced(target);
    for (const int rows : {1, 5, 40}) {
      OpCase test{.kind = graph::Linear{},
                  .inputs = {random_tensor({rows, 70}, 10)},
                  .weights = {random_tensor({37, 70}, 11, 1.0, true)},
                  .out_width = {37},
                  .precision = DType::kF32,
                  .stored = DType::kBF16};
      const OpResult compact = run_op(test);
      const char* const path = rows > 8 ? "gemm of widened bf16" : "dots bf16";
      EXPECT_NE(compact.explained.find(path), std::string::npos) << compact.explained;
      test.stored = DType::kF32;
      EXPECT_EQ(compact.out[0].values, run_op(test).out[0].values) << target.name;
    }
  }
}

TEST(ProductPaths, AreDotsForFewRowsOrColumnsAndGemmForMany) {
  const auto expect = [](const char* path, DType precision, int rows, int inner, int columns) {
    const std::string explained =
        run_op({.kind = graph::Linear{},
                .inputs = {random_tensor({rows, inner}, 8, 1.0, true)},
                .weights = {random_tensor({columns, inner}, 9, 1.0, true)},
                .out_width = {columns},
                .precision = precision})
            .explained;
    EXPECT_NE(explained.find("linear: " + std::string(path) + " ("), std::string::npos)
        << explained << path;
  };
  for (const cpu::Target& target : cpu::usable_targets()) {
    const Forced forced(target);
    for (const auto& [rows, columns] : {std::pair(1, 20), std::pair(8, 20), std::pair(40, 16)}) {
      expect("dots f32", DType::kF32, rows, 16, columns);
      expect("dots bf16", DType::kBF16, rows, 16, columns);
    }
    expect("gemm f32", DType::kF32, 9, 16, 17);
    expect(target.has_bf16 ? "gemm bf16" : "gemm of widened bf16", DType::kBF16, 9, 16, 17);
    expect("gemm of widened bf16", DType::kBF16, 9, 15, 17);  // no whole pairs
  }
}

// The one rounding that products in bfloat16 add: of x, to nearest.
TEST(ProductRounding, IsOfTheActivations) {
  const Tensor x = random_tensor({60, 48}, 10);  // float32 values
  const Tensor w = random_tensor({40, 48}, 11, 1.0, true);
  Tensor rounded = x;
  for (double& v : rounded.values) v = base::round_to(DType::kBF16, v);
  const WeightFolder folder({{"w", w, DType::kBF16}});
  const base::Threads threads(1);
  const cpu::Weight weight(folder.weights().at(folder.declared()[0].id), cpu::WeightForm::kMatrix,
                           DType::kBF16, threads);
  cpu::Scratch scratch;
  scratch.reserve({.per_worker = cpu::product_scratch(weight)}, x.rows(), 0, 1);
  const std::vector<float> in(x.values.begin(), x.values.end());
  std::vector<float> out(x.rows() * w.rows());
  const cpu::Product product{.weight = &weight,
                             .columns = w.rows(),
                             .x = in.data(),
                             .rows = x.rows(),
                             .y = out.data(),
                             .y_stride = w.rows()};
  for (const cpu::Target& target : cpu::usable_targets()) {
    const Forced forced(target);
    cpu::multiply({&product, 1}, threads, scratch);
    const Tensor y{.shape = {60, 40}, .values = {out.begin(), out.end()}};
    expect_product(y, target.has_bf16 ? rounded : x, w, nullptr);
  }
}

}  // namespace
}  // namespace plumb::candidates::testing
