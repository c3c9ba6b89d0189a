// Engines: sources that run what they are asked to, whole or in pieces, through state of their own.
// All that comparing knows of one that it drives.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "trace/recording.h"

namespace plumb::trace {

// One sequence on its way through an engine: its position, and what the engine keeps of it.
class Session {
 public:
  virtual ~Session() = default;

  // As new, the next token at position 0.
  virtual void reset() = 0;
  virtual std::unique_ptr<Session> snapshot() const = 0;
  // As it was when `snapshot` was taken of a session of the same engine.
  virtual void restore(const Session& snapshot) = 0;
  // Hands the state taps of `filter` to `sink`.
  virtual void record_state(const TapFilter& filter, Sink& sink) const = 0;
};

// The next tokens of a sequence, and who takes the taps of their positions.
struct Call {
  Session* session = nullptr;
  std::span<const int64_t> tokens;
  Sink* sink = nullptr;
};

class Engine : public Source {
 public:
  std::vector<Prompt> prompts() const override { return {}; }
  // The prompt in one call, state taps after it; then, a token at a time, a greedy continuation.
  std::unique_ptr<Recording> record(const Prompt& prompt, const TapFilter& filter,
                                    int greedy_steps) override;

  virtual std::unique_ptr<Session> open() = 0;
  // Runs several sequences as one batch, each with as many tokens as it has, and leaves every
  // session behind its tokens.
  virtual void run(std::span<const Call> calls, const TapFilter& filter) = 0;

  // True where a position's result depends on how long the whole sequence is, so that a prompt in
  // pieces is another computation than the prompt at once (rope_reader.h: dynamic, longrope).
  virtual bool depends_on_length() const = 0;
  // Which kernels ran, for which instruction sets: one line each.
  virtual std::string explain() const = 0;
};

// Runs one sequence on, as one call.
void run(Engine& engine, Session& session, std::span<const int64_t> tokens, const TapFilter& filter,
         Sink& sink);

// The largest logit (the lower id among equals) and its lead over the second; where one of them is
// a NaN, the first such and a NaN.
struct TopTwo {
  int64_t token;
  double margin;
};
TopTwo top_two(std::span<const double> logits);

// Hands taps on, and remembers the logits of the last position.
class LastLogits : public Sink {
 public:
  explicit LastLogits(Sink* next = nullptr) : next_(next) {}
  void put(const Tap& tap, Tensor tensor) override;
  const std::vector<double>& values() const { return values_; }

 private:
  Sink* next_;
  std::vector<double> values_;
};

// `steps` greedy tokens after `tokens`, behind which the session stands; `logits` are those of the
// last one. Through the state; where results depend on the length, each from a run of the whole
// sequence, which is what such a continuation is.
Greedy continue_greedily(Engine& engine, Session& session, const LastLogits& logits,
                         std::vector<int64_t> tokens, int steps);

}  // namespace plumb::trace
