#include "compare/evidence/stepper.h"

#include <algorithm>
#include <variant>

#include "reference/matrix.h"

namespace plumb::evidence {
namespace {

using reference::Matrix;
using reference::State;
using trace::Tap;

// States held at a time: each has the keys and values of all positions before.
constexpr size_t kAtOnce = 32;

// The choices of every layer as a run takes them: a row each.
std::map<int, Matrix> stack(const graph::Graph& graph, std::span<const Experts> choices) {
  std::map<int, Matrix> stacked;
  for (const graph::Op& op : graph.ops) {
    const auto* route = std::get_if<graph::Route>(&op.kind);
    if (route == nullptr) continue;
    Matrix& ids = stacked[op.layer];
    ids = reference::make_matrix(choices.size(), static_cast<size_t>(route->router.top_k));
    ids.fill(reference::kFreeChoice);
    for (size_t i = 0; i < choices.size(); ++i) {
      const auto given = choices[i].find(op.layer);
      if (given != choices[i].end())
        std::ranges::copy(given->second, reference::row(ids, i).begin());
    }
  }
  return stacked;
}

const Matrix* find(const std::map<int, Matrix>& stacked, int layer) {
  const auto found = stacked.find(layer);
  return found == stacked.end() ? nullptr : &found->second;
}

}  // namespace

Stepper::Stepper(const reference::Reference& reference, std::span<const int64_t> tokens)
    : reference_(reference), tokens_(tokens), state_(reference.graph()) {}

reference::Sequence Stepper::next(size_t count, State& state) const {
  return {.tokens = tokens_.subspan(position(), count),
          .first_position = state_.position,
          .total_positions = static_cast<int64_t>(tokens_.size()),
          .state = &state};
}

std::vector<std::vector<double>> Stepper::look(const Tap& tap,
                                               std::span<const Experts> choices) const {
  std::vector<std::vector<double>> rows;
  while (rows.size() < choices.size()) {
    const auto part = choices.subspan(rows.size(), std::min(kAtOnce, choices.size() - rows.size()));
    std::vector<State> states(part.size(), state_);
    const std::map<int, Matrix> stacked = stack(reference_.graph(), part);
    reference::Request request;
    for (State& state : states) request.sequences.push_back(next(1, state));
    request.choices = [&](int layer) { return find(stacked, layer); };
    request.wants = [&](const Tap& other) { return other == tap; };
    request.take = [&](const Tap&, const Matrix& value) {
      for (size_t i = 0; i < part.size(); ++i) {
        const auto made = reference::row(value, i);
        rows.emplace_back(made.begin(), made.end());
      }
    };
    reference_.run(request);
  }
  return rows;
}

void Stepper::go(std::span<const Experts> choices) {
  if (choices.empty()) return;
  const std::map<int, Matrix> stacked = stack(reference_.graph(), choices);
  State after = state_;
  reference::Request request;
  request.sequences = {next(choices.size(), after)};
  request.choices = [&](int layer) { return find(stacked, layer); };
  request.wants = [](const Tap&) { return false; };
  reference_.run(request);
  state_ = std::move(after);
}

}  // namespace plumb::evidence
