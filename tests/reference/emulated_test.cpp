// The emulator that every floor rests on, held to the statistics that it claims.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <numeric>
#include <vector>

#include "graph/ops.h"
#include "reference/arithmetic.h"

namespace plumb::reference {
namespace {

using base::DType;

constexpr int kStep = graph::Linear::kOutput;
constexpr int kSum = graph::Linear::kSum;

Emulated emulated(DType storage, RoundingMode mode = RoundingMode::kNearest, uint64_t key = 1) {
  Emulated e(graph::default_contract(storage), graph::Linear{}, graph::Circumstances{}, key, mode);
  e.set_rounding(kStep, {base::precision_of(storage)});
  return e;
}

// Log-uniform mantissas, as numbers that products make have.
std::vector<double> log_uniform(double decade, size_t count) {
  std::vector<double> x(count);
  for (size_t i = 0; i < count; ++i) {
    x[i] = decade * std::pow(10.0, base::random_uniform(7, i)) * (i % 2 ? 1.0 : -1.0);
  }
  return x;
}

double relative_rms(const std::vector<double>& value, const std::vector<double>& truth) {
  double sum = 0.0;
  for (size_t i = 0; i < truth.size(); ++i) sum += std::pow(value[i] / truth[i] - 1.0, 2);
  return std::sqrt(sum / static_cast<double>(truth.size()));
}

TEST(Emulated, OneRoundingHasTheRmsOfTheTheoryOverDecades) {
  EXPECT_NEAR(kRoundingRms, std::sqrt(1.0 / (8.0 * std::numbers::ln2)), 1e-4);
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16}) {
    for (const double decade : {1e-3, 1.0, 1e3}) {
      const std::vector<double> truth = log_uniform(decade, 40000);
      std::vector<double> value = truth;
      emulated(dtype).round(kStep, value, 0);
      EXPECT_NEAR(relative_rms(value, truth), kRoundingRms * base::unit_roundoff(dtype),
                  0.02 * base::unit_roundoff(dtype))
          << base::torch_name(dtype) << " at " << decade;
    }
  }
}

// Between two neighbours, upwards as often as the way from the lower one says: five deviations of a
// binomial count.
TEST(Emulated, StochasticRoundingIsUnbiased) {
  constexpr size_t kTrials = 20000;
  const Emulated e = emulated(DType::kBF16, RoundingMode::kDithered);
  for (const double share : {0.125, 0.25, 0.5, 0.9}) {
    const double ulp = 0x1p-7;
    size_t up = 0;
    for (size_t i = 0; i < kTrials; ++i) {
      const double rounded = e.round(kStep, 1.0 + share * ulp, i);
      ASSERT_TRUE(rounded == 1.0 || rounded == 1.0 + ulp) << rounded;
      up += rounded > 1.0;
    }
    const double deviation = std::sqrt(kTrials * share * (1.0 - share));
    EXPECT_NEAR(static_cast<double>(up), share * kTrials, 5.0 * deviation) << share;
  }
  EXPECT_EQ(e.round(kStep, 1.5, 3), 1.5);
}

TEST(Emulated, NoiseIsOfItsKeyAndElementAlone) {
  const Emulated a = emulated(DType::kF32, RoundingMode::kNearest, 1);
  const Emulated b = emulated(DType::kF32, RoundingMode::kNearest, 2);
  EXPECT_EQ(a.sum(kSum, 1.0, 1.0, 100, 5), a.sum(kSum, 1.0, 1.0, 100, 5));
  EXPECT_NE(a.sum(kSum, 1.0, 1.0, 100, 5), a.sum(kSum, 1.0, 1.0, 100, 6));
  EXPECT_NE(a.sum(kSum, 1.0, 1.0, 100, 5), b.sum(kSum, 1.0, 1.0, 100, 5));
  EXPECT_NE(a.sum(kSum, 1.0, 1.0, 100, 5), a.stream(1).sum(kSum, 1.0, 1.0, 100, 5));
}

TEST(Emulated, AFunctionErrsByOneRounding) {
  const std::vector<double> truth = log_uniform(1.0, 40000);
  std::vector<double> value = truth;
  emulated(DType::kF32).function(value, 0);
  EXPECT_NEAR(relative_rms(value, truth), kRoundingRms * 0x1p-24, 0.02 * 0x1p-24);
}

// Sums of products in real float32, by the orders that engines use.
struct Sums {
  double serial = 0.0;
  double pairwise = 0.0;
  double blocked = 0.0;  // 8 lanes, then together
};

float pairwise_sum(std::span<const float> p) {
  if (p.size() == 1) return p[0];
  return pairwise_sum(p.first(p.size() / 2)) + pairwise_sum(p.subspan(p.size() / 2));
}

// RMS errors of each order over many draws of n products of mean `mean`, over the emulator's size
// for the same sums.
Sums errors_over_claim(size_t n, double mean) {
  const Emulated e = emulated(DType::kF32);
  constexpr size_t kDraws = 400;
  Sums squares;
  double claim = 0.0;
  for (size_t draw = 0; draw < kDraws; ++draw) {
    std::vector<float> p(n);
    double exact = 0.0;
    double sum_of_squares = 0.0;
    for (size_t i = 0; i < n; ++i) {
      p[i] = static_cast<float>(mean + base::random_normal(draw + 1, i));
      exact += p[i];
      sum_of_squares += static_cast<double>(p[i]) * p[i];
    }
    float serial = 0.0F;
    float lanes[8] = {};
    for (size_t i = 0; i < n; ++i) serial += p[i];
    for (size_t i = 0; i < n; ++i) lanes[i % 8] += p[i];
    squares.serial += std::pow(serial - exact, 2);
    squares.pairwise += std::pow(pairwise_sum(p) - exact, 2);
    squares.blocked += std::pow(pairwise_sum(lanes) - exact, 2);
    claim += std::pow(e.sum_noise(kSum, exact, sum_of_squares, n), 2);
  }
  return {std::sqrt(squares.serial / claim), std::sqrt(squares.pairwise / claim),
          std::sqrt(squares.blocked / claim)};
}

TEST(Emulated, TheNoiseOfASumIsThatOfTheWorstUsualOrder) {
  for (const size_t n : {64, 512, 4096}) {
    for (const double mean : {0.0, 1.0}) {
      const Sums over = errors_over_claim(n, mean);
      EXPECT_LT(over.serial, 1.15) << n << " products of mean " << mean;
      EXPECT_GT(over.serial, 0.8) << n << " products of mean " << mean;
      EXPECT_LT(over.pairwise, over.serial);
      EXPECT_LT(over.blocked, over.serial);
    }
  }
}

TEST(Emulated, TheNoiseOfASumHasTheSizeThatItClaims) {
  const Emulated e = emulated(DType::kF32);
  const double size = e.sum_noise(kSum, 30.0, 20.0, 256);
  double squares = 0.0;
  constexpr size_t kDraws = 20000;
  for (size_t i = 0; i < kDraws; ++i)
    squares += std::pow(e.sum(kSum, 30.0, 20.0, 256, i) - 30.0, 2);
  EXPECT_NEAR(std::sqrt(squares / kDraws), size, 0.02 * size);
  EXPECT_EQ(e.sum_noise(kSum, 0.0, 0.0, 256), 0.0);
}

}  // namespace
}  // namespace plumb::reference
