// Plain damage to a recording never passes, and the message says what it is.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "tests/compare/bench.h"

namespace plumb::compare::testing {
namespace {

using evidence::kLogits;
using result::Verdict;
using trace::Tap;
using trace::TapId;
using trace::Tensor;

// A right engine whose tensors somebody touches.
class Damaged : public trace::Source {
 public:
  using Damage = std::function<void(const Tap&, Tensor&)>;
  Damaged(const reference::Reference& reference, const char* taps, Damage damage)
      : engine_(reference, {.contract = graph::find_contract("float32"), .taps = taps}),
        damage_(std::move(damage)) {}

  const trace::Producer& producer() const override { return engine_.producer(); }
  std::vector<trace::Prompt> prompts() const override { return {}; }
  std::unique_ptr<trace::Recording> record(const trace::Prompt& prompt,
                                           const trace::TapFilter& filter, int steps) override {
    const auto whole = engine_.record(prompt, filter, steps);
    auto recording = std::make_unique<trace::MemoryRecording>();
    for (const Tap& tap : whole->taps()) {
      Tensor tensor = whole->read(tap);
      damage_(tap, tensor);
      recording->put(tap, std::move(tensor));
    }
    return recording;
  }

 private:
  tests::EmulatedEngine engine_;
  Damage damage_;
};

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

}  // namespace
}  // namespace plumb::compare::testing
