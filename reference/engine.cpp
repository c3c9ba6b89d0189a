#include "reference/engine.h"

namespace plumb::reference {
namespace {

class ReferenceSession : public trace::Session {
 public:
  explicit ReferenceSession(const graph::Graph& graph) : state(graph), graph_(graph) {}

  void reset() override { state = State(graph_); }
  std::unique_ptr<Session> snapshot() const override {
    return std::make_unique<ReferenceSession>(*this);
  }
  void restore(const Session& snapshot) override {
    state = dynamic_cast<const ReferenceSession&>(snapshot).state;
  }
  void record_state(const trace::TapFilter& filter, trace::Sink& sink) const override {
    for (const graph::Slot& slot : graph_.slots) {
      for (const graph::StateTensor& tensor : slot.tensors) {
        if (!filter.matches(tensor.tap)) continue;
        sink.put(tensor.tap, state_tensor(tensor, state.at(graph_, tensor.tap)));
      }
    }
  }

  State state;

 private:
  const graph::Graph& graph_;
};

}  // namespace

std::unique_ptr<trace::Session> ReferenceEngine::open() {
  return std::make_unique<ReferenceSession>(reference_.graph());
}

void ReferenceEngine::run(std::span<const trace::Call> calls, const trace::TapFilter& filter) {
  Request request;
  for (const trace::Call& call : calls) {
    State& state = state_of(*call.session);
    request.sequences.push_back(
        {.tokens = call.tokens, .first_position = state.position, .state = &state});
  }
  request.wants = [&](const trace::Tap& tap) { return filter.matches(tap); };
  request.take = [&](const trace::Tap& tap, const Matrix& value) {
    size_t first = 0;
    for (const trace::Call& call : calls) {
      const size_t end = first + call.tokens.size();
      call.sink->put(tap, to_tensor(reference_.graph(), tap, rows_of(value, first, end)));
      first = end;
    }
  };
  reference_.run(request);
}

bool ReferenceEngine::depends_on_length() const {
  return graph::depends_on_length(reference_.graph());
}

State& ReferenceEngine::state_of(trace::Session& session) {
  return dynamic_cast<ReferenceSession&>(session).state;
}

}  // namespace plumb::reference
