#include "candidates/cpu/engine/forward.h"

#include <algorithm>
#include <array>

#include "base/errors.h"
#include "candidates/cpu/ops/kernels.h"
#include "candidates/cpu/products/product.h"
#include "candidates/cpu/simd/targets.h"

namespace plumb::candidates::cpu {

Forward::Forward(const Plan& plan, const base::Threads& threads)
    : plan_(plan), threads_(threads), ran_(plan.steps().size()) {
  set_up_kernels();
}

Rows Forward::run(std::span<const Sequence> sequences, const Observer* observer) {
  reserve(sequences);
  ropes_.begin(sequences);
  size_t count = 0;
  for (size_t i = 0; i < plan_.steps().size(); i += count) {
    count = plan_.steps()[i].together;
    if (count == 1) {
      execute(i, sequences);
    } else {
      execute_products(i, count, sequences);
    }
    for (size_t j = i; j < i + count && observer != nullptr; ++j) show(j, *observer);
  }
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

template <class Body>
void Forward::with_context(size_t index, std::span<const Sequence> sequences, Body&& body) {
  constexpr size_t kMostValues = 8;
  const Step& step = plan_.steps()[index];
  std::array<Rows, kMostValues> in;
  std::array<Rows, kMostValues> out;
  base::ensure(step.in.size() <= in.size() && step.out.size() <= out.size(),
               "an op has few values");
  for (size_t i = 0; i < step.in.size(); ++i) in[i] = rows_at(step.in[i]);
  for (size_t i = 0; i < step.out.size(); ++i) out[i] = rows_at(step.out[i]);
  body(Context{.step = step,
               .in = {in.data(), step.in.size()},
               .out = {out.data(), step.out.size()},
               .sequences = sequences,
               .threads = threads_,
               .scratch = scratch_,
               .ropes = ropes_});
}

void Forward::execute(size_t index, std::span<const Sequence> sequences) {
  with_context(index, sequences, [&](const Context& context) {
    const Ran ran = std::visit([&](const auto& op) { return compute(op, context); },
                               plan_.steps()[index].op->kind);
    ++ran_[index][ran];
  });
}

void Forward::execute_products(size_t first, size_t count, std::span<const Sequence> sequences) {
  const auto for_each = [&](auto&& body) {
    for (size_t i = 0; i < count; ++i) {
      with_context(first + i, sequences, [&](const Context& context) {
        body(i, std::get<graph::Linear>(context.step.op->kind), context);
      });
    }
  };
  std::array<Product, kMostTogether> products;
  for_each([&](size_t i, const graph::Linear& op, const Context& context) {
    products[i] = product_of(op, context);
  });
  multiply({products.data(), count}, threads_, scratch_);
  for_each([&](size_t i, const graph::Linear& op, const Context& context) {
    finish_product(op, context);
    ++ran_[first + i][ran_by(products[i])];
  });
}

void Forward::show(size_t index, const Observer& observer) {
  const Step& step = plan_.steps()[index];
  for (size_t i = 0; i < step.out.size(); ++i) {
    const Rows out = rows_at(step.out[i]);
    for (const trace::Tap& tap : plan_.graph().value(step.op->outputs[i]).taps) {
      if (observer.wants(tap)) observer.take(tap, out);
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
