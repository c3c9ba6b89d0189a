#include "compare/verdict/state_cells.h"

#include <fmt/format.h>

#include <memory>

#include "trace/pieces.h"

namespace plumb::verdict {
namespace {

using trace::Engine;
using trace::Prompt;
using trace::Session;
using trace::Sink;
using trace::TapFilter;
using Pieces = std::vector<size_t>;
using Tokens = std::vector<int64_t>;

class NoSink : public Sink {
 public:
  void put(const trace::Tap&, trace::Tensor) override {}
};

class CellList {
 public:
  CellList(const std::vector<Prompt>& prompts, size_t index)
      : prompts_(prompts), index_(index), prompt_(prompts[index]), other_(other_tokens()) {}

  std::vector<Cell> list() {
    const size_t length = prompt_.tokens.size();
    if (length > 1) {
      add("every token alone", {Pieces(length, 1)});
      add_splits();
      for (const size_t size : {2, 3, 7, 63, 64, 65}) {
        if (size < length) {
          add(fmt::format("chunks of {}", size), {trace::pieces_of(length, size)});
        }
      }
      add("prefill, then decode", {prefill_then_decode(length - length / 2)});
      add_restore();
    }
    add_reset();
    add_batch("batch", {length});
    if (length > 1) add_batch("batch in two calls", {length - length / 2, length / 2});
    return std::move(cells_);
  }

 private:
  // What else to run: another prompt, or this one backwards.
  Tokens other_tokens() const {
    for (const Prompt& other : prompts_) {
      if (other.tokens != prompt_.tokens) return other.tokens;
    }
    return {prompt_.tokens.rbegin(), prompt_.tokens.rend()};
  }

  Pieces prefill_then_decode(size_t prefill) const {
    Pieces pieces(prompt_.tokens.size() - prefill + 1, 1);
    pieces.front() = prefill;
    return pieces;
  }

  Prompt named(const std::string& run, const Pieces& pieces) const {
    return {trace::run_name(prompt_.name, run), prompt_.tokens, run, pieces};
  }

  void add(const std::string& name, const std::vector<Pieces>& ways) {
    Cell cell{name, {}};
    for (const Pieces& pieces : ways) {
      const auto play = [&tokens = prompt_.tokens, pieces](Engine& engine, const TapFilter& filter,
                                                           Sink& sink) {
        const auto session = engine.open();
        trace::run_in_pieces(engine, *session, tokens, pieces, filter, sink);
        session->record_state(filter, sink);
      };
      cell.runs.push_back({named(trace::to_text(pieces), pieces), play});
    }
    cells_.push_back(std::move(cell));
  }

  void add_splits() {
    std::vector<Pieces> ways;
    for (size_t first = 1; first < prompt_.tokens.size(); ++first) {
      ways.push_back({first, prompt_.tokens.size() - first});
    }
    add("every split in two", ways);
  }

  // Half of it, a snapshot, on with something else, back to the snapshot, the rest.
  void add_restore() {
    const size_t half = prompt_.tokens.size() - prompt_.tokens.size() / 2;
    const Pieces pieces = prefill_then_decode(half);
    const auto play = [&tokens = prompt_.tokens, other = other_, pieces](
                          Engine& engine, const TapFilter& filter, Sink& sink) {
      constexpr size_t kAstray = 3;
      const auto session = engine.open();
      NoSink nothing;
      trace::JoiningSink joining;
      const std::span<const int64_t> all(tokens);
      trace::run(engine, *session, all.first(pieces.front()), filter, joining);
      const auto snapshot = session->snapshot();
      trace::run(engine, *session, std::span(other).first(std::min(kAstray, other.size())), filter,
                 nothing);
      session->restore(*snapshot);
      for (size_t t = pieces.front(); t < tokens.size(); ++t) {
        trace::run(engine, *session, all.subspan(t, 1), filter, joining);
      }
      joining.hand_on(sink);
      session->record_state(filter, sink);
    };
    cells_.push_back({"snapshot, astray, restore", {{named("restore", pieces), play}}});
  }

  void add_reset() {
    const auto play = [&tokens = prompt_.tokens, other = other_](
                          Engine& engine, const TapFilter& filter, Sink& sink) {
      const auto session = engine.open();
      NoSink nothing;
      trace::run(engine, *session, other, filter, nothing);
      session->reset();
      trace::run(engine, *session, tokens, filter, sink);
      session->record_state(filter, sink);
    };
    cells_.push_back({"reset, then again", {{named(std::string(trace::kReset), {}), play}}});
  }

  // Beside all other prompts (one alone: beside another sequence), in as many calls as `pieces`;
  // the others take as many tokens in each as they have left.
  void add_batch(const std::string& name, const Pieces& pieces) {
    std::vector<Tokens> mates;
    for (size_t i = 0; i < prompts_.size(); ++i) {
      if (i != index_) mates.push_back(prompts_[i].tokens);
    }
    if (mates.empty()) mates.push_back({other_.begin(), other_.begin() + (other_.size() + 1) / 2});
    const auto play = [&tokens = prompt_.tokens, mates, pieces](
                          Engine& engine, const TapFilter& filter, Sink& sink) {
      trace::JoiningSink joining;
      NoSink nothing;
      std::vector<std::unique_ptr<Session>> sessions;
      for (size_t i = 0; i <= mates.size(); ++i) sessions.push_back(engine.open());
      std::vector<std::span<const int64_t>> left(mates.begin(), mates.end());
      size_t first = 0;
      for (size_t i = 0; i < pieces.size(); ++i) {
        std::vector<trace::Call> calls;
        for (size_t k = 0; k < left.size(); ++k) {
          const size_t count = i + 1 < pieces.size() ? (left[k].size() + 1) / 2 : left[k].size();
          if (count > 0) calls.push_back({sessions[k].get(), left[k].first(count), &nothing});
          left[k] = left[k].subspan(count);
        }
        calls.push_back(
            {sessions.back().get(), std::span(tokens).subspan(first, pieces[i]), &joining});
        engine.run(calls, filter);
        first += pieces[i];
      }
      joining.hand_on(sink);
      sessions.back()->record_state(filter, sink);
    };
    cells_.push_back({name, {{named(std::string(trace::kBatch), pieces), play}}});
  }

  const std::vector<Prompt>& prompts_;
  size_t index_;
  const Prompt& prompt_;
  Tokens other_;
  std::vector<Cell> cells_;
};

}  // namespace

std::vector<Cell> state_cells(const std::vector<Prompt>& prompts, size_t index) {
  return CellList(prompts, index).list();
}

}  // namespace plumb::verdict
