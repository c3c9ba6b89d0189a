#include "candidates/cpu/forward.h"

#include <algorithm>
#include <array>

#include "base/errors.h"
#include "candidates/cpu/kernels.h"
#include "candidates/cpu/product.h"
#include "candidates/cpu/targets.h"

namespace plumb::candidates::cpu {

Forward::Forward(const Plan& plan, const base::Threads& threads)
    : plan_(plan), threads_(threads), ran_(plan.steps().size()) {
  set_up_kernels();
}

Rows Forward::run(std::span<const Sequence> sequences, const Observer* observer) {
  reserve(sequences);
  ropes_.begin(sequences);
  for (size_t i = 0; i < plan_.steps().size(); ++i) execute(i, sequences, observer);
  for (const Sequence& sequence : sequences) sequence.session->advance(sequence.rows());
  return rows_at(plan_.steps().back().out[0]);
}

Rows Forward::prefill(Session& session, std::span<const int64_t> tokens, int64_t position,
                      const Observer* observer) {
  base::ensure(position == session.position(), "a call goes on where the session stands");
  const Sequence sequence{&session, tokens};
  return run({&sequence, 1}, observer);
}

Rows Forward::decode(Session& session, int64_t token, int64_t position, const Observer* observer) {
  return prefill(session, {&token, 1}, position, observer);
}

void Forward::reserve(std::span<const Sequence> sequences) {
  rows_ = 0;
  size_t positions = 0;
  for (const Sequence& sequence : sequences) {
    rows_ += sequence.rows();
    positions = std::max(
        {positions, sequence.session->room(), sequence.session->length() + sequence.rows()});
  }
  base::ensure(rows_ > 0, "a call has a token");
  const size_t floats = plan_.arena_per_row() * rows_;
  if (floats > arena_.size()) arena_.resize(floats);
  scratch_.reserve(plan_.scratch(), rows_, positions, static_cast<size_t>(threads_.count()));
}

Rows Forward::rows_at(const Place& place) {
  return {arena_.data() + place.offset * rows_, rows_, place.width};
}

void Forward::execute(size_t index, std::span<const Sequence> sequences, const Observer* observer) {
  constexpr size_t kMostValues = 8;
  const Step& step = plan_.steps()[index];
  std::array<Rows, kMostValues> in;
  std::array<Rows, kMostValues> out;
  base::ensure(step.in.size() <= in.size() && step.out.size() <= out.size(),
               "an op has few values");
  for (size_t i = 0; i < step.in.size(); ++i) in[i] = rows_at(step.in[i]);
  for (size_t i = 0; i < step.out.size(); ++i) out[i] = rows_at(step.out[i]);
  const Context context{.step = step,
                        .in = {in.data(), step.in.size()},
                        .out = {out.data(), step.out.size()},
                        .sequences = sequences,
                        .threads = threads_,
                        .scratch = scratch_,
                        .ropes = ropes_};
  const Ran ran = std::visit([&](const auto& op) { return compute(op, context); }, step.op->kind);
  ++ran_[index][ran];
  for (size_t i = 0; i < step.out.size(); ++i) {
    if (step.is_operand[i] && rounds_operands(rows_)) round_to_bf16(out[i], threads_);
  }
  if (observer == nullptr) return;
  for (size_t i = 0; i < step.out.size(); ++i) {
    for (const trace::Tap& tap : plan_.graph().value(step.op->outputs[i]).taps) {
      if (observer->wants(tap)) observer->take(tap, out[i]);
    }
  }
}

std::string Forward::explain() const {
  std::map<std::pair<std::string_view, Ran>, size_t> totals;
  for (size_t i = 0; i < ran_.size(); ++i) {
    for (const auto& [ran, count] : ran_[i]) {
      totals[{plan_.steps()[i].op->name(), ran}] += count;
    }
  }
  std::string text;
  for (const auto& [key, count] : totals) {
    const auto& [op, ran] = key;
    text.append(op).append(": ").append(ran.kernel);
    if (!ran.target.empty()) text.append(" (").append(ran.target).append(")");
    text.append(" x ").append(std::to_string(count)).append("\n");
  }
  return text;
}

}  // namespace plumb::candidates::cpu
