// Plain damage to a recording never passes, and the message says what it is.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>

#include "tests/compare/bench.h"
#include "tests/compare/damaged.h"

namespace plumb::compare::testing {
namespace {

using evidence::kLogits;
using result::Verdict;
using trace::Tap;
using trace::TapId;
using trace::Tensor;

struct Item {
  const char* name;
  const char* taps;
  const char* says;  // a part of the first reason
  Damaged::Damage damage;
};

std::ostream& operator<<(std::ostream& out, const Item& item) {
  return out << item.name;
}

Damaged::Damage at(const Tap& where, std::function<void(Tensor&)> damage) {
  return [=](const Tap& tap, Tensor& tensor) {
    if (tap == where) damage(tensor);
  };
}

void swap_rows(Tensor& tensor) {
  for (size_t j = 0; j < tensor.width(); ++j) {
    std::swap(tensor.values[4 * tensor.width() + j], tensor.values[5 * tensor.width() + j]);
  }
}

void shift_rows(Tensor& tensor) {
  const auto width = static_cast<int64_t>(tensor.width());
  std::copy_backward(tensor.values.begin(), tensor.values.end() - width, tensor.values.end());
}

class Damages : public ::testing::TestWithParam<Item> {};

TEST_P(Damages, AreNotPassed) {
  Bench bench("llama-gqa");
  Damaged candidate(bench.reference(), GetParam().taps, GetParam().damage);
  const Result result = bench.judge(candidate, "float32");
  ASSERT_EQ(result.verdict, Verdict::kFailed);
  EXPECT_NE(result.reasons.front().message.find(GetParam().says), std::string::npos)
      << reasons_of(result);
}

const Item kItems[] = {
    {"Nan", "logits", "NaN or infinity first at position 3, channel 5",
     at(kLogits, [](Tensor& t) { t.values[3 * t.width() + 5] = std::nan(""); })},
    {"Infinity", "all", "NaN or infinity",
     at({TapId::kFfnAct, 1}, [](Tensor& t) { t.values[7] = HUGE_VAL; })},
    {"Zeros", "logits", "every value is 0",
     at(kLogits, [](Tensor& t) { std::fill(t.values.begin(), t.values.end(), 0.0); })},
    {"OneLogit", "logits", "position 2 channel 9",
     at(kLogits, [](Tensor& t) { t.values[2 * t.width() + 9] += 1e-3; })},
    {"SwappedRows", "logits", "positions 4 and 5 are exchanged", at(kLogits, swap_rows)},
    {"ShiftedRows", "logits", "holds the one's before", at(kLogits, shift_rows)},
    {"MisrecordedTap", "coarse", "the recording of this tap is wrong",
     at({TapId::kMixerOut, 1},
        [](Tensor& t) { std::fill(t.values.begin(), t.values.end(), 0.0); })},
};

INSTANTIATE_TEST_SUITE_P(Items, Damages, ::testing::ValuesIn(kItems),
                         [](const auto& item) { return std::string(item.param.name); });

// Recorded where something else stands, or on its way into the file.
using Slip = std::function<Tensor(const trace::Recording&, Tensor)>;

struct SlipItem {
  const char* name;
  const char* taps;
  Tap tap;
  const char* cause;
  const char* says;
  Slip slip;
};

std::ostream& operator<<(std::ostream& out, const SlipItem& item) {
  return out << item.name;
}

class Slipped : public trace::Source {
 public:
  Slipped(const reference::Reference& reference, const SlipItem& item)
      : engine_(reference, {.contract = graph::find_contract("float32")}), item_(item) {}

  const trace::Producer& producer() const override { return engine_.producer(); }
  std::vector<trace::Prompt> prompts() const override { return {}; }
  std::unique_ptr<trace::Recording> record(const trace::Prompt& prompt, const trace::TapFilter&,
                                           int steps) override {
    const auto whole = engine_.record(prompt, trace::TapFilter::all(), steps);
    const trace::TapFilter filter(item_.taps);
    auto recording = std::make_unique<trace::MemoryRecording>();
    for (const Tap& tap : whole->taps()) {
      if (!filter.matches(tap)) continue;
      Tensor tensor = whole->read(tap);
      recording->put(tap, tap == item_.tap ? item_.slip(*whole, std::move(tensor)) : tensor);
    }
    return recording;
  }

 private:
  tests::EmulatedEngine engine_;
  const SlipItem& item_;
};

Slip of(const Tap& other) {
  return [=](const trace::Recording& whole, const Tensor& own) {
    Tensor tensor = whole.read(other);
    tensor.shape = own.shape;
    return tensor;
  };
}

Slip by_row(std::function<void(std::span<double>)> change) {
  return [=](const trace::Recording&, Tensor tensor) {
    const size_t width = tensor.width();
    for (size_t t = 0; t < tensor.rows(); ++t) {
      change(std::span(tensor.values).subspan(t * width, width));
    }
    return tensor;
  };
}

Tensor transpose(const trace::Recording&, Tensor tensor) {
  const std::vector<double> before = tensor.values;
  const size_t rows = tensor.rows();
  const size_t width = tensor.width();
  for (size_t t = 0; t < rows; ++t) {
    for (size_t j = 0; j < width; ++j) tensor.values[j * rows + t] = before[t * width + j];
  }
  return tensor;
}

// [positions, heads, dim] as [heads, positions, dim].
Tensor transpose_heads(const trace::Recording&, Tensor tensor) {
  const std::vector<double> before = tensor.values;
  const size_t heads = tensor.shape[1];
  const size_t dim = tensor.shape[2];
  for (size_t i = 0; i < before.size(); ++i) {
    const size_t t = i / (heads * dim);
    const size_t h = i / dim % heads;
    tensor.values[(h * tensor.rows() + t) * dim + i % dim] = before[i];
  }
  return tensor;
}

void log_softmax(std::span<double> row) {
  double sum = 0.0;
  for (const double v : row) sum += std::exp(v);
  for (double& v : row) v = base::round_to(base::DType::kF32, v - std::log(sum));
}

void centre(std::span<double> row) {
  double sum = 0.0;
  for (const double v : row) sum += v;
  for (double& v : row) {
    v = base::round_to(base::DType::kF32, v - sum / static_cast<double>(row.size()));
  }
}

class Slips : public ::testing::TestWithParam<SlipItem> {};

// No mistake of the model is named for what only the recording did.
TEST_P(Slips, AreNamedAndNothingElse) {
  Bench bench("llama-gqa");
  Slipped candidate(bench.reference(), GetParam());
  const Result result = bench.judge(candidate, "float32");
  ASSERT_EQ(result.verdict, Verdict::kFailed);
  EXPECT_EQ(result.reasons.front().gate, result::Gate::kRecording) << reasons_of(result);
  EXPECT_EQ(result.first_divergence->tap, GetParam().tap.name());
  ASSERT_EQ(result.diagnosis->size(), 1U) << reasons_of(result);
  EXPECT_EQ(result.diagnosis->front().cause, GetParam().cause);
  EXPECT_NE(result.diagnosis->front().says.find(GetParam().says), std::string::npos)
      << result.diagnosis->front().says;
}

const SlipItem kSlips[] = {
    {"Zero",
     "coarse",
     {TapId::kOut, 0},
     "recording:zero",
     "every value is 0",
     by_row([](std::span<double> row) { std::ranges::fill(row, 0.0); })},
    {"LayerEarly",
     "coarse",
     {TapId::kOut, 1},
     "recording:other_place",
     "holds layer.0.out",
     of({TapId::kOut, 0})},
    {"BeforeItsNorm",
     "all",
     {TapId::kFfnIn, 1},
     "recording:other_place",
     "holds layer.1.mid",
     of({TapId::kMid, 1})},
    {"AfterItsRotation",
     "all",
     {TapId::kQ, 1},
     "recording:other_place",
     "holds layer.1.q_rope",
     of({TapId::kQRope, 1})},
    {"Transposed",
     "coarse",
     {TapId::kMixerOut, 1},
     "recording:transposed",
     "is transposed",
     transpose},
    {"HeadsFirst",
     "all",
     {TapId::kQRope, 0},
     "recording:transposed",
     "is transposed",
     transpose_heads},
    {"HeadOrder",
     "all",
     {TapId::kQ, 0},
     "recording:head_order",
     "another order",
     by_row([](std::span<double> row) {
       std::ranges::rotate(row, row.begin() + static_cast<ptrdiff_t>(row.size() / 2));
     })},
    {"Halves",
     "all",
     {TapId::kQRope, 1},
     "recording:channel_order",
     "another order",
     by_row([](std::span<double> row) {
       const std::vector<double> before(row.begin(), row.end());
       for (size_t i = 0; i < row.size(); ++i) {
         row[i] = before[i / 2 + (i % 2) * (row.size() / 2)];
       }
     })},
    {"Bfloat16",
     "coarse",
     {TapId::kFfnOut, 0},
     "recording:dtype",
     "rounded to bfloat16",
     by_row([](std::span<double> row) { base::round_to(base::DType::kBF16, row); })},
    {"Float16",
     "coarse",
     {TapId::kFfnOut, 1},
     "recording:dtype",
     "rounded to float16",
     by_row([](std::span<double> row) { base::round_to(base::DType::kF16, row); })},
    {"NoLogits",
     "layer.*.out",
     {TapId::kOut, 0},
     "recording:zero",
     "every value is 0",
     by_row([](std::span<double> row) { std::ranges::fill(row, 0.0); })},
    {"LogProbabilities", "logits", kLogits, "recording:log_probabilities", "log-probabilities",
     by_row(log_softmax)},
    {"LogProbabilitiesBesideTaps", "coarse", kLogits, "recording:log_probabilities",
     "log-probabilities", by_row(log_softmax)},
    {"Centred", "logits", kLogits, "recording:centred_logits", "centred", by_row(centre)},
};

INSTANTIATE_TEST_SUITE_P(Items, Slips, ::testing::ValuesIn(kSlips),
                         [](const auto& item) { return std::string(item.param.name); });

}  // namespace
}  // namespace plumb::compare::testing
