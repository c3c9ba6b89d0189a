#include "graph/rope_frequencies.h"

#include <gtest/gtest.h>

#include <cmath>

namespace plumb::graph {
namespace {

using model::RopeScaling;
using model::RopeSpec;

double plain(double theta, int dim, int i) {
  return std::exp(-2.0 * i / dim * std::log(theta));
}

TEST(RopeFrequencies, FallFromOneAsPowersOfTheta) {
  const auto f = inverse_frequencies({.theta = 1e4, .rotary_dim = 8}, 10);
  ASSERT_EQ(f.size(), 4U);
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(f[i], plain(1e4, 8, i), 1e-15);
  EXPECT_EQ(f[0], 1.0);
}

TEST(RopeFrequencies, LinearDividesThemAll) {
  RopeSpec rope{.theta = 1e4, .rotary_dim = 8};
  rope.scaling = {.kind = RopeScaling::Kind::kLinear, .factor = 4.0};
  const auto f = inverse_frequencies(rope, 10);
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(f[i], plain(1e4, 8, i) / 4.0, 1e-15);
}

TEST(RopeFrequencies, DynamicIsPlainUpToTheContextAndStretchesBeyond) {
  RopeSpec rope{.theta = 1e4, .rotary_dim = 8};
  rope.scaling = {
      .kind = RopeScaling::Kind::kDynamic, .factor = 2.5, .max_position_embeddings = 24};
  const auto at = [&](double length) { return inverse_frequencies(rope, length); };
  for (const double length : {1.0, 23.0, 24.0}) {
    const auto f = at(length);
    for (int i = 0; i < 4; ++i) EXPECT_NEAR(f[i], plain(1e4, 8, i), 1e-14);
  }
  // theta (f L / M - (f - 1))^(d / (d - 2)), L = 41, M = 24
  const double theta = 1e4 * std::pow(2.5 * 41.0 / 24.0 - 1.5, 8.0 / 6.0);
  const auto f = at(41);
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(f[i], plain(theta, 8, i), 1e-14);
}

TEST(RopeFrequencies, Llama3KeepsFastOnesAndStretchesSlowOnes) {
  RopeSpec rope{.theta = 5e5, .rotary_dim = 128};
  rope.scaling = {.kind = RopeScaling::Kind::kLlama3,
                  .factor = 8.0,
                  .low_freq_factor = 1.0,
                  .high_freq_factor = 4.0,
                  .original_max_position_embeddings = 8192};
  const auto f = inverse_frequencies(rope, 10);
  int kept = 0;
  int stretched = 0;
  for (int i = 0; i < 64; ++i) {
    const double whole = plain(5e5, 128, i);
    const double turns = 8192 * whole / (2.0 * M_PI);  // in the original context
    if (turns > 4.0) {
      EXPECT_NEAR(f[i] / whole, 1.0, 1e-14) << ++kept;
    } else if (turns < 1.0) {
      EXPECT_NEAR(f[i] / whole, 1.0 / 8.0, 1e-14) << ++stretched;
    } else {
      const double blend = (turns - 1.0) / 3.0;
      EXPECT_NEAR(f[i] / whole, blend + (1.0 - blend) / 8.0, 1e-13);
    }
  }
}

}  // namespace
}  // namespace plumb::graph
