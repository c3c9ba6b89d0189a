// Damage that is said in words, and where a tensor departs.
#include <gtest/gtest.h>

#include <limits>

#include "compare/measure/recognise.h"
#include "compare/measure/whereabouts.h"
#include "tests/measure/tensors.h"

namespace plumb::measure {
namespace {

struct Sample {
  Matrix truth = deviates(12, 8, 1);
  Floor floor = measure_floor(noisy(truth, kNoise, 8, 2), truth, kSingle);
  Matrix value = noisy(truth, kNoise, 1, 3);

  std::string said() const { return recognise(value, truth, floor).value_or("nothing"); }
  std::string where(size_t heads) const { return describe_whereabouts(value, truth, floor, heads); }
  // Row `t` of the value becomes row `from` of the truth.
  void take(size_t t, size_t from) {
    for (size_t j = 0; j < 8; ++j) value(t, j) = truth(from, j);
  }
  // Position t departs in channels [first, last).
  void depart(size_t t, size_t first, size_t last) {
    for (size_t j = first; j < last; ++j) value(t, j) += (j % 2 ? 100.0 : -100.0) * kNoise;
  }
};

TEST(Recognise, SaysNothingOfNoise) {
  EXPECT_EQ(Sample().said(), "nothing");
}

TEST(Recognise, NamesTheFirstNan) {
  Sample s;
  s.value(7, 2) = std::numeric_limits<double>::quiet_NaN();
  s.value(9, 0) = std::numeric_limits<double>::infinity();
  EXPECT_EQ(s.said(), "holds NaN or infinity first at position 7, channel 2");
}

TEST(Recognise, NamesZeros) {
  Sample s;
  s.value.fill(0.0);
  EXPECT_EQ(s.said(), "every value is 0");
  s.truth.fill(0.0);
  EXPECT_EQ(s.said(), "nothing");
}

TEST(Recognise, NamesPositionsThatMoved) {
  Sample s;
  s.take(3, 8);
  s.take(8, 3);
  EXPECT_EQ(s.said(), "positions 3 and 8 are exchanged");
  s = {};
  for (size_t t = 4; t + 1 < 12; ++t) s.take(t, t + 1);
  EXPECT_EQ(s.said(), "from position 4 on each holds the next one's");
  s = {};
  for (size_t t = 5; t < 12; ++t) s.take(t, t - 1);
  EXPECT_EQ(s.said(), "from position 5 on each holds the one's before");
}

TEST(Whereabouts, NamesPositions) {
  Sample s;
  EXPECT_EQ(s.where(1), "a little at every position");
  EXPECT_EQ(first_position_off(s.value, s.truth, s.floor), std::nullopt);
  s.depart(6, 0, 8);
  EXPECT_EQ(s.where(1), "at position 6 alone");
  EXPECT_EQ(first_position_off(s.value, s.truth, s.floor), 6u);
  for (size_t t = 7; t < 12; ++t) s.depart(t, 0, 8);
  EXPECT_EQ(s.where(1), "from position 6 on");
  s.depart(2, 0, 8);
  EXPECT_EQ(s.where(1), "at 7 of 12 positions, first 2");
  s = {};
  s.depart(11, 0, 8);
  EXPECT_EQ(s.where(1), "at the last position alone");
}

TEST(Whereabouts, NamesHeadsAndChannels) {
  Sample s;
  for (size_t t = 0; t < 12; ++t) s.depart(t, 4, 6);
  EXPECT_EQ(s.where(4), "at every position, in head 2 alone");
  EXPECT_EQ(s.where(2), "at every position, in head 1 alone");
  EXPECT_EQ(s.where(1), "at every position, in channels 4 and 5");
}

// What is a hundredth of the worst is its echo.
TEST(Whereabouts, LeavesOutEchoes) {
  Sample s;
  s.depart(3, 0, 8);
  for (size_t j = 0; j < 8; ++j) s.value(3, j) += 1e4 * kNoise * (j % 2 ? 1.0 : -1.0);
  s.depart(8, 0, 8);
  EXPECT_EQ(s.where(1), "at position 3 alone");
}

}  // namespace
}  // namespace plumb::measure
