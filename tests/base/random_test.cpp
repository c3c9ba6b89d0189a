#include "base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace plumb::base {
namespace {

// The first outputs of SplitMix64 from state 0, as its authors' C code gives them.
TEST(Random, IsSplitMix64) {
  EXPECT_EQ(random_bits(0, 0), 0xe220a8397b1dcdafU);
  EXPECT_EQ(random_bits(0, 1), 0x6e789e6aa1b965f4U);
  EXPECT_EQ(random_bits(0, 2), 0x06c45d188009454fU);
}

// Checkpoints of recorded oracles are made of these: they must never change.
TEST(Random, KeepsItsStreams) {
  EXPECT_EQ(stream_key(0, ""), 0xaebe53f85cdc3c4cU);
  EXPECT_EQ(stream_key(7, "layers.0.q_proj.weight"), 0x1eda0693f167c658U);
  EXPECT_EQ(random_normal(stream_key(7, "layers.0.q_proj.weight"), 5), 0.14572949453806483);
}

TEST(Random, TellsSeedsAndNamesApart) {
  std::set<uint64_t> keys;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    for (const char* name : {"", "a", "b", "ab", "ba", "embed.weight"}) {
      keys.insert(stream_key(seed, name));
    }
  }
  EXPECT_EQ(keys.size(), 600U);
}

TEST(Random, IsUniform) {
  constexpr int kCount = 200'000;
  double sum = 0.0;
  double squares = 0.0;
  for (int i = 0; i < kCount; ++i) {
    const double x = random_uniform(11, i);
    ASSERT_GE(x, 0.0);
    ASSERT_LT(x, 1.0);
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / kCount, 0.5, 4 * std::sqrt(1.0 / 12 / kCount));
  EXPECT_NEAR(squares / kCount, 1.0 / 3.0, 4 * std::sqrt(4.0 / 45 / kCount));
}

TEST(Random, HasTheMomentsOfANormal) {
  constexpr int kCount = 200'000;
  double sum = 0.0;
  double squares = 0.0;
  double products = 0.0;
  double most = 0.0;
  for (int i = 0; i < kCount; ++i) {
    const double x = random_normal(12, i);
    sum += x;
    squares += x * x;
    products += x * random_normal(12, i + 1);
    most = std::max(most, std::abs(x));
  }
  EXPECT_NEAR(sum / kCount, 0.0, 4.0 / std::sqrt(kCount));
  EXPECT_NEAR(squares / kCount, 1.0, 6.0 / std::sqrt(kCount));
  EXPECT_NEAR(products / kCount, 0.0, 4.0 / std::sqrt(kCount));
  EXPECT_LT(most, 3.47);
  EXPECT_GT(most, 2.5);
}

}  // namespace
}  // namespace plumb::base
