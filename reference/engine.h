// The reference as an engine: float64, in pieces as well as whole.
#pragma once

#include "reference/run.h"
#include "trace/engine.h"

namespace plumb::reference {

class ReferenceEngine : public trace::Engine {
 public:
  // `reference` must outlive the engine.
  explicit ReferenceEngine(const Reference& reference) : reference_(reference) {}

  const trace::Producer& producer() const override { return producer_; }
  std::unique_ptr<trace::Session> open() override;
  void run(std::span<const trace::Call> calls, const trace::TapFilter& filter) override;
  bool depends_on_length() const override;
  std::string explain() const override { return "float64\n"; }

  // The state of a session that this engine opened.
  static State& state_of(trace::Session& session);

 private:
  trace::Producer producer_{"plumbline reference", base::DType::kF64};
  const Reference& reference_;
};

}  // namespace plumb::reference
