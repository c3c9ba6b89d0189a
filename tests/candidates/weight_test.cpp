// In which form weights are held, and how they get there.
#include "candidates/cpu/products/weight.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/candidates/op_bench.h"

namespace plumb::candidates::testing {
namespace {

using base::DType;
using enum cpu::WeightForm;

const model::WeightView& only(const WeightFolder& folder) {
  return folder.weights().at(folder.declared()[0].id);
}

TEST(Weight, OfTheEnginesTypeIsUsedWhereItLies) {
  const base::Threads threads(1);
  const Tensor values = random_tensor({4, 6}, 1, 1.0, true);
  const WeightFolder narrow({{"w", values, DType::kBF16}});
  const cpu::Weight bf16(only(narrow), kMatrix, DType::kBF16, threads);
  EXPECT_EQ(static_cast<const void*>(bf16.bf16(0)), only(narrow).contiguous());
  const WeightFolder wide({{"w", values, DType::kF32}});
  const cpu::Weight f32(only(wide), kMatrix, DType::kF32, threads);
  EXPECT_EQ(static_cast<const void*>(f32.f32(0)), only(wide).contiguous());
}

TEST(Weight, OfBfloat16IsUsedWhereItLiesByAFloat32EngineToo) {
  const base::Threads threads(1);
  const Tensor values = random_tensor({4, 6}, 1, 1.0, true);
  const WeightFolder folder({{"w", values, DType::kBF16}});
  const cpu::Weight compact(only(folder), kMatrix, DType::kF32, threads);
  EXPECT_EQ(static_cast<const void*>(compact.bf16(0)), only(folder).contiguous());
  EXPECT_FALSE(compact.multiplies_in_bf16());
  const cpu::Weight widened(only(folder), kMatrix, DType::kF32, threads, cpu::Storage::kWidened);
  EXPECT_FALSE(widened.is_bf16());
  EXPECT_TRUE(std::equal(values.values.begin(), values.values.end(), widened.f32(0)));
}

TEST(Weight, IsRoundedToNearestOnceWhateverItsType) {
  const base::Threads threads(2);
  const double inf = std::numeric_limits<double>::infinity();
  // Ties to even both ways; what is a tie only after a rounding to float32; the ends of the range.
  const Tensor values{.shape = {1, 9},
                      .values = {1.0 + 0x1p-8, 1.0 + 0x1.8p-7, 1.0 + 0x1p-8 + 0x1p-40, -0x1p-133,
                                 3.4e38, inf, -inf, std::nan(""), 0.0}};
  for (const DType stored : {DType::kF64, DType::kF32}) {
    const WeightFolder folder({{"w", values, stored}});
    const cpu::Weight weight(only(folder), kMatrix, DType::kBF16, threads);
    float widened[9];
    weight.widen(0, 1, widened);
    for (size_t i = 0; i < 9; ++i) {
      const double held =
          stored == DType::kF64 ? values.values[i] : base::round_to(DType::kF32, values.values[i]);
      const double expected = base::round_to(DType::kBF16, held);
      EXPECT_TRUE(widened[i] == expected || (std::isnan(widened[i]) && std::isnan(expected)))
          << widened[i] << " for " << values.values[i];
    }
  }
}

TEST(Weight, OfValuesIsHeldInFloat32ByEveryEngine) {
  const base::Threads threads(1);
  const Tensor values = random_tensor({7, 10}, 2);
  for (const DType stored : {DType::kF32, DType::kF64}) {
    const WeightFolder folder({{"w", values, stored}});
    for (const DType precision : {DType::kF32, DType::kBF16}) {
      const cpu::Weight weight(only(folder), kValues, precision, threads);
      const std::span<const float> held = weight.values();
      EXPECT_TRUE(std::equal(held.begin(), held.end(), values.values.begin(), values.values.end()));
    }
  }
}

TEST(Weight, ReadsRowsFromAnywhere) {
  const base::Threads threads(1);
  const Tensor values = random_tensor({300, 7}, 3, 1.0, true);
  const WeightFolder folder({{"w", values, DType::kBF16}});
  for (const DType precision : {DType::kF32, DType::kBF16}) {
    const cpu::Weight weight(only(folder), kMatrix, precision, threads);
    std::vector<float> rows(3 * 7);
    weight.widen(295, 3, rows.data());
    for (size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i], values.values[295 * 7 + i]);
  }
}

}  // namespace
}  // namespace plumb::candidates::testing
