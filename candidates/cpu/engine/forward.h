// Runs a plan: calls of one or more sequences, their state in sessions.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>

#include "candidates/cpu/call/context.h"
#include "candidates/cpu/call/rope_tables.h"
#include "candidates/cpu/call/sequence.h"
#include "candidates/cpu/engine/plan.h"
#include "candidates/cpu/simd/scratch.h"
#include "trace/recording.h"

namespace plumb::candidates::cpu {

// Takes the taps of a call as they are computed. A tap is a look at a value: what is computed does
// not depend on who looks.
struct Observer {
  std::function<bool(const trace::Tap&)> wants;
  std::function<void(const trace::Tap&, const Rows&)> take;
};

class Forward {
 public:
  // What is passed must outlive it.
  Forward(const Plan& plan, const base::Threads& threads);

  // Runs the tokens of all sequences as one call, their rows stacked, and leaves every session
  // behind them. Returns the last value, the logits of all rows, valid until the next call. The
  // first call of a size allocates; later ones of no larger size do not.
  Rows run(std::span<const Sequence> sequences, const Observer* observer = nullptr);

  // A prompt or a part of one; `position` must be where the session stands.
  Rows prefill(Session& session, std::span<const int64_t> tokens, int64_t position,
               const Observer* observer = nullptr);
  // One token; returns its logits [1, V].
  Rows decode(Session& session, int64_t token, int64_t position,
              const Observer* observer = nullptr);

  // How often each kernel has run, by op: "linear: sgemm (OpenBLAS Haswell) x 14".
  std::string explain() const;

 private:
  void reserve(std::span<const Sequence> sequences);
  // Calls body(context) with what step `index` is given.
  template <class Body>
  void with_context(size_t index, std::span<const Sequence> sequences, Body&& body);
  void execute(size_t index, std::span<const Sequence> sequences);
  void execute_products(size_t first, size_t count, std::span<const Sequence> sequences);
  void show(size_t index, const Observer& observer);
  Rows rows_at(const Place& place);

  const Plan& plan_;
  const base::Threads& threads_;
  Buffer<float> arena_;
  Scratch scratch_;
  RopeTables ropes_;
  size_t rows_ = 0;  // of the current call
  // Of each step: the kernels that ran, and how often.
  std::vector<std::map<Ran, size_t>> ran_;
};

}  // namespace plumb::candidates::cpu
