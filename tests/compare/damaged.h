// A right engine whose tensors somebody touches.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "tests/support/emulated_engine.h"

namespace plumb::compare::testing {

class Damaged : public trace::Source {
 public:
  using Damage = std::function<void(const trace::Tap&, trace::Tensor&)>;
  Damaged(const reference::Reference& reference, const char* taps, Damage damage)
      : engine_(reference, {.contract = graph::find_contract("float32"), .taps = taps}),
        damage_(std::move(damage)) {}

  const trace::Producer& producer() const override { return engine_.producer(); }
  std::vector<trace::Prompt> prompts() const override { return {}; }
  std::unique_ptr<trace::Recording> record(const trace::Prompt& prompt,
                                           const trace::TapFilter& filter, int steps) override {
    const auto whole = engine_.record(prompt, filter, steps);
    auto recording = std::make_unique<trace::MemoryRecording>();
    for (const trace::Tap& tap : whole->taps()) {
      trace::Tensor tensor = whole->read(tap);
      damage_(tap, tensor);
      recording->put(tap, std::move(tensor));
    }
    return recording;
  }

 private:
  tests::EmulatedEngine engine_;
  Damage damage_;
};

}  // namespace plumb::compare::testing
