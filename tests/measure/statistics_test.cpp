// Identities that hold of every statistic: what scaling, permuting, NaN and a floor of 0 do.
#include "compare/measure/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "tests/measure/tensors.h"

namespace plumb::measure {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Sample {
  Matrix truth = deviates(24, 16, 1);
  Matrix replicas = noisy(truth, kNoise, 8, 2);
  Matrix value = noisy(truth, kNoise, 1, 3);
  Floor floor() const { return measure_floor(replicas, truth, kSingle); }
};

TEST(Floor, IsTheNoiseOfTheReplicas) {
  const Sample s;
  const Floor floor = s.floor();
  EXPECT_NEAR(floor.rms, kNoise, 0.05 * kNoise);
  for (const double row : floor.rows) EXPECT_NEAR(row, kNoise, 0.25 * kNoise);
  for (const double column : floor.columns) EXPECT_NEAR(column, 1.0, 0.25);
  EXPECT_GE(floor.farthest, 1.0);
  EXPECT_LT(floor.farthest, 1.2);
}

TEST(Floor, GrowsWithValuesThatAllGrow) {
  const Sample s;
  const Floor floor = s.floor();
  const Floor large = measure_floor(scaled(s.replicas, 1024.0), scaled(s.truth, 1024.0), kSingle);
  EXPECT_DOUBLE_EQ(large.rms, 1024.0 * floor.rms);
  for (size_t t = 0; t < floor.rows.size(); ++t) {
    EXPECT_DOUBLE_EQ(large.rows[t], 1024.0 * floor.rows[t]);
  }
  EXPECT_DOUBLE_EQ(large.freedom, floor.freedom);
}

TEST(Floor, OfAnExactTapIsAShareOfARounding) {
  const Matrix truth = deviates(4, 256, 1);
  Matrix replicas = reference::make_matrix(8, 256);
  for (size_t t = 0; t < 8; ++t) {
    for (size_t j = 0; j < 256; ++j) replicas(t, j) = truth(t % 4, j);
  }
  const Floor floor = measure_floor(replicas, truth, kSingle);
  EXPECT_GT(floor.rms, 0.015 * kSingle);
  EXPECT_LT(floor.rms, 0.025 * kSingle);
}

// A position whose replicas happen to lie on the truth keeps a share of the tap's floor.
TEST(Floor, OfAQuietPositionIsNotBelievedToBeNothing) {
  Sample s;
  for (size_t k = 0; k < 8; ++k) {
    for (size_t j = 0; j < 16; ++j) s.replicas(k * 24 + 5, j) = s.truth(5, j);
  }
  const double energy =
      std::inner_product(&s.truth(5, 0), &s.truth(5, 0) + 16, &s.truth(5, 0), 0.0) / 16;
  const double all =
      std::inner_product(s.truth.begin(), s.truth.end(), s.truth.begin(), 0.0) / (24 * 16);
  const Floor floor = s.floor();
  EXPECT_NEAR(floor.rows[5] / floor.rms, 0.8 * std::sqrt(std::min(1.0, energy / all)), 1e-12);
}

// Replicas that round to nearest decide alike: what independent roundings make counts where it is
// more, and nowhere else.
TEST(Floor, TakesIndependentNoiseWhereThatIsMore) {
  const Sample s;
  const Floor plain = s.floor();
  std::vector<double> noise = noise_of_rows(s.replicas, s.truth);
  EXPECT_EQ(measure_floor(s.replicas, s.truth, kSingle, noise).rows, plain.rows);
  for (double& square : noise) square *= 0.5;
  noise[3] *= 200.0;
  const Floor lifted = measure_floor(s.replicas, s.truth, kSingle, noise);
  EXPECT_NEAR(lifted.rows[3], 10.0 * plain.rows[3], 1e-9 * plain.rows[3]);
  noise[3] = std::numeric_limits<double>::infinity();
  EXPECT_EQ(measure_floor(s.replicas, s.truth, kSingle, noise).rows[3], plain.rows[3]);
}

TEST(Floor, KnowsElementsLouderThanTheirPosition) {
  Sample s;
  for (size_t k = 0; k < 8; ++k) s.replicas(k * 24 + 2, 7) = s.truth(2, 7) + (k % 2 ? 1.0 : -1.0);
  const Floor floor = s.floor();
  EXPECT_NEAR(floor.loudness.of(2 * 16 + 7), std::sqrt(16.0), 0.1);
  EXPECT_EQ(floor.loudness.of(2 * 16 + 8), 0.0);
}

TEST(OverFloor, OfTheTruthItselfIsNothing) {
  const Sample s;
  const Ratios r = over_floor(s.truth, s.truth, s.floor());
  for (const double ratio : {r.plain, r.whitened, r.row, r.column, r.element, r.peak})
    EXPECT_EQ(ratio, 0.0);
}

TEST(OverFloor, OfNoiseLikeTheReplicasIsOne) {
  const Sample s;
  const Ratios r = over_floor(s.value, s.truth, s.floor());
  EXPECT_NEAR(r.plain, 1.0, 0.15);
  EXPECT_NEAR(r.whitened, 1.0, 0.15);
  EXPECT_LT(r.row, 1.8);
  EXPECT_LT(r.column, 1.8);
  EXPECT_LT(r.element, 5.0);
}

TEST(OverFloor, DoesNotDependOnUnits) {
  const Sample s;
  const Ratios r = over_floor(s.value, s.truth, s.floor());
  const Matrix truth = scaled(s.truth, 0.25);
  const Ratios q = over_floor(scaled(s.value, 0.25), truth,
                              measure_floor(scaled(s.replicas, 0.25), truth, kSingle));
  EXPECT_DOUBLE_EQ(q.plain, r.plain);
  EXPECT_DOUBLE_EQ(q.whitened, r.whitened);
  EXPECT_DOUBLE_EQ(q.row, r.row);
  EXPECT_DOUBLE_EQ(q.column, r.column);
  EXPECT_DOUBLE_EQ(q.element, r.element);
}

TEST(OverFloor, GrowsInProportionToTheDifference) {
  const Sample s;
  const Floor floor = s.floor();
  const Ratios r = over_floor(s.value, s.truth, floor);
  Matrix twice = s.value;
  for (size_t i = 0; i < twice.size(); ++i)
    twice.data()[i] += s.value.data()[i] - s.truth.data()[i];
  const Ratios q = over_floor(twice, s.truth, floor);
  EXPECT_NEAR(q.plain, 2.0 * r.plain, 1e-9);
  EXPECT_NEAR(q.whitened, 2.0 * r.whitened, 1e-9);
  EXPECT_NEAR(q.row, 2.0 * r.row, 1e-9);
  EXPECT_EQ(q.worst_row, r.worst_row);
  EXPECT_EQ(q.worst_element, r.worst_element);
}

TEST(OverFloor, FollowsPositionsThatAreExchanged) {
  const Sample s;
  const Ratios r = over_floor(s.value, s.truth, s.floor());
  const Matrix truth = reversed(s.truth, 24);
  const Ratios q = over_floor(reversed(s.value, 24), truth,
                              measure_floor(reversed(s.replicas, 24), truth, kSingle));
  EXPECT_EQ(q.worst_row, 23 - r.worst_row);
  EXPECT_EQ(q.worst_column, r.worst_column);
  EXPECT_NEAR(q.row, r.row, 1e-9);
  EXPECT_NEAR(q.whitened, r.whitened, 1e-9);
}

// One position, one channel and one element, each off by itself, are found where they are.
TEST(OverFloor, FindsWhatIsOffByItself) {
  const Sample s;
  const Floor floor = s.floor();
  Matrix position = s.value;
  for (size_t j = 0; j < 16; ++j) position(9, j) += (j % 2 ? 20.0 : -20.0) * kNoise;
  EXPECT_EQ(over_floor(position, s.truth, floor).worst_row, 9u);
  EXPECT_GT(over_floor(position, s.truth, floor).row, 15.0);
  Matrix channel = s.value;
  for (size_t t = 0; t < 24; ++t) channel(t, 11) += 5.0 * kNoise;
  EXPECT_EQ(over_floor(channel, s.truth, floor).worst_column, 11u);
  EXPECT_GT(over_floor(channel, s.truth, floor).column, 3.5);
  Matrix element = s.value;
  element(4, 6) += 60.0 * kNoise;
  const Ratios r = over_floor(element, s.truth, floor);
  EXPECT_EQ(r.worst_element, 4u * 16 + 6);
  EXPECT_EQ(r.worst_peak, 4u * 16 + 6);
  EXPECT_GT(r.element, 40.0);
  EXPECT_GT(r.peak, 30.0);
  // One loud element does not make its channel one that is off at many positions.
  EXPECT_LT(r.column, 2.0);
}

// One loud position does not hide what is off at a quiet one.
TEST(OverFloor, WeighsEachPositionByItsOwnNoise) {
  Sample s;
  for (size_t k = 0; k < 8; ++k) {
    for (size_t j = 0; j < 16; ++j) {
      s.replicas(k * 24, j) = s.truth(0, j) + 1e3 * (s.replicas(k * 24, j) - s.truth(0, j));
    }
  }
  // Its energy is what its noise is believed from, too.
  Matrix value = s.value;
  for (size_t j = 0; j < 16; ++j) {
    s.truth(0, j) *= 1e4;
    value(0, j) = s.truth(0, j);
    for (size_t k = 0; k < 8; ++k) s.replicas(k * 24, j) += s.truth(0, j) * (1.0 - 1e-4);
    value(7, j) += 30.0 * kNoise * (j % 2 ? 1.0 : -1.0);
  }
  const Ratios r = over_floor(value, s.truth, s.floor());
  EXPECT_EQ(r.worst_row, 7u);
}

TEST(OverFloor, LetsNoNanPass) {
  const Sample s;
  for (const double bad : {kNan, std::numeric_limits<double>::infinity()}) {
    Matrix value = s.value;
    value(3, 3) = bad;
    const Ratios r = over_floor(value, s.truth, s.floor());
    EXPECT_FALSE(r.plain <= 1e300);
    EXPECT_FALSE(r.whitened <= 1e300);
    EXPECT_FALSE(r.row <= 1e300);
    EXPECT_FALSE(r.element <= 1e300);
  }
}

// Nothing but the truth is right where a row has no noise at all.
TEST(OverFloor, AFloorOfNothingAllowsNothing) {
  Matrix truth = deviates(3, 8, 1);
  for (size_t j = 0; j < 8; ++j) truth(1, j) = 0.0;
  Matrix replicas = noisy(truth, kNoise, 8, 2);
  for (size_t k = 0; k < 8; ++k) {
    for (size_t j = 0; j < 8; ++j) replicas(k * 3 + 1, j) = 0.0;
  }
  const Floor floor = measure_floor(replicas, truth, kSingle);
  EXPECT_EQ(floor.rows[1], 0.0);
  Matrix value = truth;
  EXPECT_EQ(over_floor(value, truth, floor).row, 0.0);
  value(1, 2) = 1e-30;
  EXPECT_FALSE(over_floor(value, truth, floor).row <= 1e300);
  EXPECT_EQ(over_floor(value, truth, floor).worst_row, 1u);
}

TEST(Metrics, AreThoseOfTheirDefinitions) {
  Matrix truth = reference::make_matrix(2, 2);
  Matrix value = truth;
  const double t[] = {3.0, 4.0, 0.0, 2.0};
  const double v[] = {3.0, 4.5, 0.0, 2.0};
  for (size_t i = 0; i < 4; ++i) truth.data()[i] = t[i];
  for (size_t i = 0; i < 4; ++i) value.data()[i] = v[i];
  const Metrics m = measure(value, truth);
  EXPECT_DOUBLE_EQ(m.max_abs, 0.5);
  EXPECT_DOUBLE_EQ(m.max_rel, 0.125);
  EXPECT_DOUBLE_EQ(m.rms, 0.25);
  EXPECT_DOUBLE_EQ(m.nmse, 0.25 / 29.0);
  EXPECT_NEAR(m.cosine, 27.0 / (5.0 * std::sqrt(29.25)), 1e-15);
  value(0, 0) = kNan;
  EXPECT_EQ(measure(value, truth).max_abs, std::numeric_limits<double>::infinity());
  EXPECT_EQ(measure(value, truth).cosine, -1.0);
}

TEST(KlDivergence, IsNothingForAConstantAndKnownForTwoTokens) {
  const Matrix truth = deviates(5, 40, 1);
  Matrix moved = truth;
  for (size_t t = 0; t < 5; ++t) {
    for (size_t j = 0; j < 40; ++j) moved(t, j) += 3.0 * static_cast<double>(t);
  }
  EXPECT_NEAR(mean_kl_divergence(moved, truth), 0.0, 1e-13);
  Matrix p = reference::make_matrix(1, 2);
  Matrix q = p;
  p(0, 0) = std::log(0.75), p(0, 1) = std::log(0.25);
  q(0, 0) = std::log(0.5), q(0, 1) = std::log(0.5);
  EXPECT_NEAR(mean_kl_divergence(q, p), 0.75 * std::log(1.5) + 0.25 * std::log(0.5), 1e-14);
  q(0, 0) = kNan;
  EXPECT_EQ(mean_kl_divergence(q, p), std::numeric_limits<double>::infinity());
}

}  // namespace
}  // namespace plumb::measure
