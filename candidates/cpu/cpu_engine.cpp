#include "candidates/cpu/cpu_engine.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace plumb::candidates::cpu {
namespace {

std::span<const float> last_row(const Rows& rows) {
  return {rows.row(rows.rows - 1), rows.width};
}

}  // namespace

CpuEngine::CpuEngine(std::string name, base::DType precision, const graph::Graph& graph,
                     const model::Weights& weights, const base::Threads& threads)
    : producer_{"plumbline " + name, precision},
      plan_(graph, weights, precision, threads),
      forward_(plan_, threads) {}

std::optional<trace::Greedy> CpuEngine::run(const trace::Prompt& prompt,
                                            const trace::TapFilter& filter, int greedy_steps,
                                            trace::Sink& sink) {
  const Observer observer{
      .wants = [&](const trace::Tap& tap) { return filter.matches(tap); },
      .take =
          [&](const trace::Tap& tap, const Rows& value) {
            sink.put(tap, {.shape = plan_.graph().tap_shape(tap, value.rows),
                           .values = {value.data, value.data + value.rows * value.width}});
          }};
  std::vector<int64_t> sequence = prompt.tokens;
  Session session(plan_, sequence.size() + static_cast<size_t>(greedy_steps));
  Rows logits = forward_.prefill(session, sequence, 0, &observer);
  if (greedy_steps == 0) return std::nullopt;
  trace::Greedy greedy;
  while (true) {
    const TopTwo top = top_two(last_row(logits));
    greedy.tokens.push_back(top.token);
    greedy.margins.push_back(top.margin);
    if (greedy.tokens.size() == static_cast<size_t>(greedy_steps)) return greedy;
    sequence.push_back(top.token);
    logits = next(session, sequence);
  }
}

Rows CpuEngine::next(Session& session, const std::vector<int64_t>& sequence) {
  if (!graph::depends_on_length(plan_.graph())) {
    return forward_.decode(session, sequence.back(), session.position());
  }
  session.reset();
  return forward_.prefill(session, sequence, 0);
}

TopTwo top_two(std::span<const float> logits) {
  size_t best = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (std::isnan(logits[i])) {
      return {static_cast<int64_t>(i), std::numeric_limits<double>::quiet_NaN()};
    }
    if (logits[i] > logits[best]) best = i;
  }
  double second = -std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < logits.size(); ++i) {
    if (i != best) second = std::max(second, static_cast<double>(logits[i]));
  }
  return {static_cast<int64_t>(best), static_cast<double>(logits[best]) - second};
}

}  // namespace plumb::candidates::cpu
