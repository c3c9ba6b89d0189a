#include "trace/engine.h"

#include <cmath>
#include <limits>

namespace plumb::trace {
namespace {

constexpr Tap kLogits{TapId::kLogits, -1};

}  // namespace

TopTwo top_two(std::span<const double> logits) {
  size_t best = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (std::isnan(logits[i])) return {static_cast<int64_t>(i), logits[i]};
    if (logits[i] > logits[best]) best = i;
  }
  double second = -std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < logits.size(); ++i) {
    if (i != best) second = std::max(second, logits[i]);
  }
  return {static_cast<int64_t>(best), logits[best] - second};
}

void LastLogits::put(const Tap& tap, Tensor tensor) {
  if (tap == kLogits) {
    const auto last = tensor.row(tensor.rows() - 1);
    values_.assign(last.begin(), last.end());
  }
  if (next_ != nullptr) next_->put(tap, std::move(tensor));
}

std::unique_ptr<Recording> Engine::record(const Prompt& prompt, const TapFilter& filter,
                                          int greedy_steps) {
  auto recording = std::make_unique<MemoryRecording>();
  LastLogits logits(recording.get());
  const std::unique_ptr<Session> session = open();
  trace::run(*this, *session, prompt.tokens, filter, logits);
  session->record_state(filter, *recording);
  if (greedy_steps > 0) {
    recording->put(continue_greedily(*this, *session, logits, prompt.tokens, greedy_steps));
  }
  return recording;
}

void run(Engine& engine, Session& session, std::span<const int64_t> tokens, const TapFilter& filter,
         Sink& sink) {
  const Call call{&session, tokens, &sink};
  engine.run({&call, 1}, filter);
}

Greedy continue_greedily(Engine& engine, Session& session, const LastLogits& logits,
                         std::vector<int64_t> tokens, int steps) {
  Greedy greedy;
  LastLogits last = logits;
  LastLogits next;
  const TapFilter filter("logits");
  while (true) {
    const TopTwo top = top_two(last.values());
    greedy.tokens.push_back(top.token);
    greedy.margins.push_back(top.margin);
    tokens.push_back(top.token);
    if (static_cast<int>(greedy.tokens.size()) == steps) return greedy;
    std::span<const int64_t> call(tokens);
    if (engine.depends_on_length()) {
      session.reset();
    } else {
      call = call.last(1);
    }
    run(engine, session, call, filter, next);
    last = next;
  }
}

}  // namespace plumb::trace
