#include "candidates/cpu/engine/cpu_engine.h"

#include "candidates/cpu/engine/state_tensors.h"
#include "graph/contract.h"
namespace plumb::candidates::cpu {
namespace {

class CpuSession : public trace::Session {
 public:
  explicit CpuSession(const Plan& plan) : session(plan.initial_states()), plan_(plan) {}

  void reset() override { session.reset(); }
  std::unique_ptr<trace::Session> snapshot() const override {
    return std::make_unique<CpuSession>(*this);
  }
  void restore(const trace::Session& snapshot) override {
    session = dynamic_cast<const CpuSession&>(snapshot).session;
  }
  void record_state(const trace::TapFilter& filter, trace::Sink& sink) const override {
    for (size_t i = 0; i < plan_.slots().size(); ++i) {
      const auto& tensors = plan_.slots()[i];
      const auto wanted = [&](const auto& tensor) { return filter.matches(tensor.tap); };
      if (std::none_of(tensors.begin(), tensors.end(), wanted)) continue;
      const std::vector<trace::Tensor> held = state_tensors(session.state(i), tensors);
      for (size_t k = 0; k < tensors.size(); ++k) {
        if (wanted(tensors[k])) sink.put(tensors[k].tap, held[k]);
      }
    }
  }

  cpu::Session session;

 private:
  const Plan& plan_;
};

}  // namespace

CpuEngine::CpuEngine(std::string name, base::DType precision, const graph::Graph& graph,
                     const model::Weights& weights, const base::Threads& threads)
    : producer_{.name = "plumbline " + name, .dtype = precision},
      plan_(graph, weights, precision, threads),
      forward_(plan_, threads) {
  if (precision == base::DType::kBF16) producer_.contract = graph::kShortProducts;
}

std::unique_ptr<trace::Session> CpuEngine::open() {
  return std::make_unique<CpuSession>(plan_);
}

void CpuEngine::run(std::span<const trace::Call> calls, const trace::TapFilter& filter) {
  std::vector<Sequence> sequences;
  for (const trace::Call& call : calls) {
    sequences.push_back({&dynamic_cast<CpuSession&>(*call.session).session, call.tokens});
  }
  const Observer observer{.wants = [&](const trace::Tap& tap) { return filter.matches(tap); },
                          .take =
                              [&](const trace::Tap& tap, const Rows& value) {
                                const float* from = value.data;
                                for (const trace::Call& call : calls) {
                                  const size_t rows = call.tokens.size();
                                  const float* const end = from + rows * value.width;
                                  call.sink->put(tap, {.shape = plan_.graph().tap_shape(tap, rows),
                                                       .values = {from, end}});
                                  from = end;
                                }
                              }};
  forward_.run(sequences, &observer);
}

}  // namespace plumb::candidates::cpu
