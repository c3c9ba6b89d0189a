// How well a hypothesis explains a difference: known for those that explain all, half, or nothing.
#include "compare/measure/fit.h"

#include <gtest/gtest.h>

#include "tests/measure/tensors.h"

namespace plumb::measure {
namespace {

struct Sample {
  Matrix truth = deviates(10, 8, 1);
  Matrix effect = deviates(10, 8, 2);
  Floor floor = measure_floor(noisy(truth, kNoise, 8, 3), truth, kSingle);

  // truth + share * effect
  Matrix with(double share) const {
    Matrix m = truth;
    for (size_t i = 0; i < m.size(); ++i) m.data()[i] += share * effect.data()[i];
    return m;
  }
  Fit fit(const Matrix& value, const Matrix& hypothesis) const {
    Fit f;
    f.add(value, truth, hypothesis, floor);
    return f;
  }
};

TEST(Fit, OfTheRightHypothesisLeavesNothing) {
  const Sample s;
  const Fit f = s.fit(s.with(1.0), s.with(1.0));
  EXPECT_EQ(f.residual, 0.0);
  EXPECT_NEAR(f.correlation(), 1.0, 1e-12);
  EXPECT_NEAR(f.beta(), 1.0, 1e-12);
  EXPECT_NEAR(f.null_rms(), 1.0 / kNoise, 0.2 / kNoise);
  EXPECT_DOUBLE_EQ(f.null_rms(), f.effect_rms());
}

TEST(Fit, TellsHowMuchOfAnEffectThereIs) {
  const Sample s;
  EXPECT_NEAR(s.fit(s.with(0.5), s.with(1.0)).beta(), 0.5, 1e-12);
  EXPECT_NEAR(s.fit(s.with(0.5), s.with(1.0)).correlation(), 1.0, 1e-12);
  EXPECT_NEAR(s.fit(s.with(-2.0), s.with(1.0)).beta(), -2.0, 1e-12);
  EXPECT_NEAR(s.fit(s.with(-2.0), s.with(1.0)).correlation(), -1.0, 1e-12);
}

TEST(Fit, OfAnotherEffectExplainsLittle) {
  const Sample s;
  const Fit f = s.fit(noisy(s.truth, 1.0, 1, 9), s.with(1.0));
  EXPECT_LT(std::abs(f.correlation()), 0.35);
  EXPECT_GT(f.residual_rms(), f.null_rms());
}

TEST(Fit, OfNoEffectIsNoExplanation) {
  const Sample s;
  const Fit f = s.fit(s.with(1.0), s.truth);
  EXPECT_EQ(f.correlation(), 0.0);
  EXPECT_EQ(f.beta(), 0.0);
  EXPECT_DOUBLE_EQ(f.residual_rms(), f.null_rms());
}

TEST(Fit, AddsUpOverPrompts) {
  const Sample s;
  Fit twice = s.fit(s.with(0.5), s.with(1.0));
  const Fit once = twice;
  twice.add(once);
  EXPECT_DOUBLE_EQ(twice.null, 2.0 * once.null);
  EXPECT_DOUBLE_EQ(twice.count, 160.0);
  EXPECT_DOUBLE_EQ(twice.beta(), once.beta());
  EXPECT_DOUBLE_EQ(twice.residual_rms(), once.residual_rms());
}

}  // namespace
}  // namespace plumb::measure
