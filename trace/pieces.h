// A prompt in pieces: the sizes of consecutive calls, as text and as runs of an engine.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "trace/engine.h"

namespace plumb::trace {

// "7+1x30": a call of 7 tokens, then 30 of one. Nothing where the text is no such list of sizes.
std::optional<std::vector<size_t>> parse_pieces(std::string_view text);
std::string to_text(std::span<const size_t> pieces);

// The whole in calls of `size` tokens, the last one shorter where they do not come out even.
std::vector<size_t> pieces_of(size_t total, size_t size);

// Which of the pieces holds this position.
size_t piece_at(std::span<const size_t> pieces, size_t position);

// Joins the taps of consecutive calls along the position.
class JoiningSink : public Sink {
 public:
  void put(const Tap& tap, Tensor tensor) override;
  // Hands all that was joined on.
  void hand_on(Sink& sink);

 private:
  std::map<Tap, Tensor> joined_;
};

// Runs `tokens` in pieces, going on from where the session stands; the taps come joined.
void run_in_pieces(Engine& engine, Session& session, std::span<const int64_t> tokens,
                   std::span<const size_t> pieces, const TapFilter& filter, Sink& sink);

}  // namespace plumb::trace
