// The ops that depend on the position, against their formulas in float64.
#include <gtest/gtest.h>

#include <cmath>

#include "graph/rope_frequencies.h"
#include "tests/candidates/op_bench.h"

namespace plumb::candidates::testing {
namespace {

using model::RopePairs;
using model::RopeSpec;
using ScalingKind = model::RopeScaling::Kind;

constexpr double kU = 0x1p-24;

struct Shape {
  int dim;
  int rotary_dim;
  int offset;
  RopePairs pairs;
  double factor;
};

// Where element i of pair p stands in a rotated part of 2 * half.
size_t place(bool interleaved, size_t pair, size_t element, size_t half) {
  return interleaved ? 2 * pair + element : pair + element * half;
}

// Row t of x, one head, turned by position * frequencies.
std::vector<double> turned(const Shape& s, const std::vector<double>& frequencies, double position,
                           std::span<const double> x) {
  std::vector<double> y(x.begin(), x.end());
  const size_t half = frequencies.size();
  const auto offset = static_cast<size_t>(s.offset);
  for (size_t p = 0; p < half; ++p) {
    const bool read = s.pairs != RopePairs::kHalves;
    const bool written = s.pairs == RopePairs::kInterleaved;
    const double first = x[offset + place(read, p, 0, half)];
    const double second = x[offset + place(read, p, 1, half)];
    const double cos = s.factor * std::cos(position * frequencies[p]);
    const double sin = s.factor * std::sin(position * frequencies[p]);
    y[offset + place(written, p, 0, half)] = first * cos - second * sin;
    y[offset + place(written, p, 1, half)] = second * cos + first * sin;
  }
  return y;
}

TEST(Rope, RotatesPairsByThePositionOfTheCall) {
  constexpr auto kHalves = RopePairs::kHalves;
  constexpr auto kInterleaved = RopePairs::kInterleaved;
  constexpr auto kToHalves = RopePairs::kInterleavedToHalves;
  const Shape shapes[] = {
      {16, 16, 0, kHalves, 1.0},     {18, 18, 0, kHalves, 1.0},      {24, 12, 0, kHalves, 1.3},
      {24, 10, 14, kHalves, 1.0},    {64, 64, 0, kInterleaved, 1.0}, {18, 18, 0, kInterleaved, 0.9},
      {24, 6, 2, kInterleaved, 1.0}, {64, 64, 0, kToHalves, 1.0},    {26, 10, 16, kToHalves, 1.1}};
  constexpr int64_t kFirst = 1000000;
  constexpr size_t kHeads = 3;
  for (const Shape& s : shapes) {
    const RopeSpec rope{.rotary_dim = s.rotary_dim,
                        .rotary_offset = s.offset,
                        .pairs = s.pairs,
                        .attention_factor = s.factor};
    const int width = static_cast<int>(kHeads) * s.dim;
    const Tensor x = random_tensor({70, width}, 7);
    const OpResult y =
        run_op({.kind = graph::Rope{.heads = kHeads, .head_dim = s.dim, .rope = rope},
                .inputs = {x},
                .out_width = {width},
                .calls = {40, 1, 29},
                .first_position = kFirst});
    const std::vector<double> frequencies = graph::inverse_frequencies(rope, 0.0);
    const auto dim = static_cast<size_t>(s.dim);
    for (size_t head = 0; head < 70 * kHeads; ++head) {
      const auto position = static_cast<double>(kFirst + static_cast<int64_t>(head / kHeads));
      const std::span<const double> from(&x.values[head * dim], dim);
      const std::vector<double> expected = turned(s, frequencies, position, from);
      for (size_t i = 0; i < dim; ++i) {
        const double actual = y.out[0].values[head * dim + i];
        if (i < static_cast<size_t>(s.offset) ||
            i >= static_cast<size_t>(s.offset + s.rotary_dim)) {
          ASSERT_EQ(actual, from[i]);
        }
        // Two products of numbers up to 3.5, each with a rounded factor, and their sum.
        ASSERT_NEAR(actual, expected[i], 3.0 * kU * 7.0 * s.factor) << "dimension " << i;
      }
    }
  }
}

TEST(Rope, TakesItsFrequenciesFromTheLengthUpToTheEndOfTheCall) {
  const model::RopeScaling scalings[] = {
      {.kind = ScalingKind::kDynamic, .factor = 2.0, .max_position_embeddings = 10},
      {.kind = ScalingKind::kLongRope,
       .short_factor = {1.0, 1.1, 1.2, 1.3},
       .long_factor = {1.5, 2.5, 3.5, 4.5},
       .original_max_position_embeddings = 16}};
  const Tensor x = random_tensor({20, 8}, 8);
  for (const model::RopeScaling& scaling : scalings) {
    const RopeSpec rope{.rotary_dim = 8, .scaling = scaling};
    EXPECT_NE(graph::inverse_frequencies(rope, 15), graph::inverse_frequencies(rope, 20));
    const OpResult y = run_op({.kind = graph::Rope{.heads = 1, .head_dim = 8, .rope = rope},
                               .inputs = {x},
                               .out_width = {8},
                               .calls = {15, 5}});
    for (const size_t t : {3, 14, 15, 19}) {
      const std::vector<double> expected = turned(
          {8, 8, 0, RopePairs::kHalves, 1.0}, graph::inverse_frequencies(rope, t < 15 ? 15 : 20),
          static_cast<double>(t), {&x.values[t * 8], 8});
      for (size_t i = 0; i < 8; ++i) EXPECT_NEAR(y.out[0].at(t, i), expected[i], 1e-6);
    }
  }
}

TEST(PositionScale, GrowsWithTheTurnsOfTheOriginalContext) {
  const Tensor x = random_tensor({40, 11}, 9);
  const graph::PositionScale op{{.beta = 0.1, .original_max_position_embeddings = 16}};
  const OpResult y = run_op(
      {.kind = op, .inputs = {x}, .out_width = {11}, .calls = {20, 1, 19}, .first_position = 5});
  expect_rounded(y.out[0], 1.01, [&](size_t t, size_t i) {
    return x.at(t, i) * (1.0 + 0.1 * std::log(1.0 + static_cast<double>((t + 5) / 16)));
  });
}

TEST(PositionScale, GrowsAsAPower) {
  const Tensor x = random_tensor({23, 5}, 9);
  const graph::PositionScale op{{.beta = 0.3,
                                 .original_max_position_embeddings = 16,
                                 .growth = model::QueryTemperature::Growth::kPower,
                                 .offset = 1}};
  const OpResult y = run_op(
      {.kind = op, .inputs = {x}, .out_width = {5}, .calls = {20, 1, 2}, .first_position = 5});
  expect_rounded(y.out[0], 1.01, [&](size_t t, size_t i) {
    return x.at(t, i) * std::pow(1.0 + static_cast<double>(t + 6) / 16.0, 0.3);
  });
}

TEST(PositionEmbedding, TakesTheRowOfThePositionOfTheCall) {
  const Tensor any = random_tensor({12, 6}, 31);
  const Tensor table = random_tensor({40, 6}, 32);
  const OpResult y = run_op({.kind = graph::PositionEmbedding{.offset = 2},
                             .inputs = {any},
                             .weights = {table},
                             .out_width = {6},
                             .calls = {7, 1, 4},
                             .first_position = 20});
  for (size_t t = 0; t < 12; ++t) {
    for (size_t i = 0; i < 6; ++i) EXPECT_EQ(y.out[0].at(t, i), table.at(t + 22, i));
  }
}

TEST(PositionEmbedding, GivesAllSinesBeforeAllCosines) {
  const Tensor any = random_tensor({9, 10}, 33);
  for (const double spread : {5.0, 4.0}) {
    const OpResult y = run_op({.kind = graph::PositionEmbedding{.offset = 1, .spread = spread},
                               .inputs = {any},
                               .out_width = {10},
                               .calls = {4, 5},
                               .first_position = 100});
    for (size_t t = 0; t < 9; ++t) {
      for (size_t i = 0; i < 5; ++i) {
        const double angle =
            static_cast<double>(t + 101) * std::pow(10000.0, -static_cast<double>(i) / spread);
        EXPECT_NEAR(y.out[0].at(t, i), std::sin(angle), kU);
        EXPECT_NEAR(y.out[0].at(t, 5 + i), std::cos(angle), kU);
      }
    }
  }
}

TEST(Rope, TurnsTheOtherWayWhereItIsClockwise) {
  const Tensor x = random_tensor({5, 8}, 34);
  const RopeSpec rope{.rotary_dim = 8, .clockwise = true};
  const OpResult y = run_op({.kind = graph::Rope{.heads = 1, .head_dim = 8, .rope = rope},
                             .inputs = {x},
                             .out_width = {8}});
  const std::vector<double> plain = graph::inverse_frequencies({.rotary_dim = 8}, 0);
  for (size_t t = 0; t < 5; ++t) {
    const std::vector<double> expected = turned({8, 8, 0, RopePairs::kHalves, 1.0}, plain,
                                                -static_cast<double>(t), {&x.values[t * 8], 8});
    for (size_t i = 0; i < 8; ++i) EXPECT_NEAR(y.out[0].at(t, i), expected[i], 1e-6);
  }
}

}  // namespace
}  // namespace plumb::candidates::testing
