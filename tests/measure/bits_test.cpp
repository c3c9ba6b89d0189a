// How many numbers differ from the nearest emulation, and when that is far more than chance.
#include "compare/measure/bits.h"

#include <gtest/gtest.h>

#include "compare/measure/gates.h"
#include "tests/measure/tensors.h"

namespace plumb::measure {
namespace {

constexpr size_t kRows = 20;
constexpr size_t kColumns = 50;

// `count` equal copies of a tensor.
Matrix copies(const Matrix& m, size_t count) {
  return noisy(m, 0.0, count, 1);
}

// The first `numbers` of `rows` rows are another number.
Matrix changed(Matrix m, size_t rows, size_t numbers) {
  for (size_t t = 0; t < rows; ++t) {
    for (size_t j = 0; j < numbers; ++j) m(t, j) += 1.0;
  }
  return m;
}

Bits bits(const Matrix& value, const Matrix& replicas) {
  Bits b;
  b.add(value, replicas);
  return b;
}

TEST(Bits, CountsAgainstTheNearestEmulation) {
  const Matrix m = deviates(kRows, kColumns, 1);
  Matrix replicas = copies(m, 3);
  for (size_t t = 0; t < 2 * kRows; ++t)
    replicas(t, 0) += 1.0;  // the third alone is like the value
  EXPECT_EQ(bits(m, replicas).differing(), 0.0);
  EXPECT_EQ(bits(changed(m, 4, 5), replicas).differing(), 20.0);
  EXPECT_DOUBLE_EQ(bits(changed(m, 4, 5), replicas).mismatch(), 20.0 / (kRows * kColumns));
}

// Two positions are forgiven whole: one sum that rounds the other way changes all after it.
TEST(Bits, TwoPositionsDoNotDepart) {
  const Matrix m = deviates(kRows, kColumns, 1);
  EXPECT_FALSE(bits(changed(m, kChanceRows, kColumns), copies(m, 4)).departs(kLeastMismatch));
  EXPECT_TRUE(bits(changed(m, kChanceRows + 1, kColumns), copies(m, 4)).departs(kLeastMismatch));
}

TEST(Bits, DepartsByMoreThanTheLeastShare) {
  const Matrix m = deviates(kRows, kColumns, 1);
  const Matrix all = changed(m, kRows, 5);  // a tenth of the numbers
  EXPECT_TRUE(bits(all, copies(m, 4)).departs(0.09));
  EXPECT_FALSE(bits(all, copies(m, 4)).departs(0.11));
}

// What emulations differ by among themselves has to be exceeded by the factor kBitRatio.
TEST(Bits, IsHeldAgainstWhatEmulationsDifferBy) {
  const Matrix m = deviates(kRows, kColumns, 1);
  Matrix replicas = copies(m, 2);
  for (size_t t = kRows; t < 2 * kRows; ++t) {
    for (size_t j = 40; j < 44; ++j) replicas(t, j) += 1.0;  // 4 of each row, between the two
  }
  EXPECT_FALSE(bits(changed(m, kRows, 9), replicas).departs(0.0));
  EXPECT_TRUE(bits(changed(m, kRows, 14), replicas).departs(0.0));
}

TEST(Bits, AddUpOverPrompts) {
  const Matrix m = deviates(kRows, kColumns, 1);
  Bits sum = bits(changed(m, 4, 5), copies(m, 2));
  sum.add(bits(m, copies(m, 2)));
  EXPECT_EQ(sum.differing(), 20.0);
  EXPECT_DOUBLE_EQ(sum.mismatch(), 20.0 / (2 * kRows * kColumns));
}

}  // namespace
}  // namespace plumb::measure
