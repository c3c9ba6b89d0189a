#include "trace/pieces.h"

#include <algorithm>
#include <charconv>

#include "base/errors.h"

namespace plumb::trace {
namespace {

// Beyond this a text is a mistake.
constexpr size_t kMostPieces = size_t{1} << 20;

// A whole number from 1 on, which takes all of `text`.
std::optional<size_t> parse_count(std::string_view text) {
  size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value == 0) return std::nullopt;
  return value <= kMostPieces ? std::optional(value) : std::nullopt;
}

}  // namespace

std::optional<std::vector<size_t>> parse_pieces(std::string_view text) {
  std::vector<size_t> pieces;
  while (true) {
    const size_t plus = text.find('+');
    const std::string_view part = text.substr(0, plus);
    const size_t times = part.find('x');
    const auto size = parse_count(part.substr(0, times));
    const auto count = times == std::string_view::npos ? std::optional<size_t>(1)
                                                       : parse_count(part.substr(times + 1));
    if (!size || !count || pieces.size() + *count > kMostPieces) return std::nullopt;
    pieces.insert(pieces.end(), *count, *size);
    if (plus == std::string_view::npos) return pieces;
    text.remove_prefix(plus + 1);
  }
}

std::string to_text(std::span<const size_t> pieces) {
  std::string text;
  for (size_t i = 0; i < pieces.size();) {
    size_t count = 1;
    while (i + count < pieces.size() && pieces[i + count] == pieces[i]) ++count;
    if (!text.empty()) text += "+";
    text += std::to_string(pieces[i]);
    if (count > 1) text += "x" + std::to_string(count);
    i += count;
  }
  return text;
}

std::vector<size_t> pieces_of(size_t total, size_t size) {
  std::vector<size_t> pieces(total / size, size);
  if (total % size > 0) pieces.push_back(total % size);
  return pieces;
}

size_t piece_at(std::span<const size_t> pieces, size_t position) {
  size_t index = 0;
  size_t end = pieces.front();
  while (position >= end && index + 1 < pieces.size()) end += pieces[++index];
  return index;
}

void JoiningSink::put(const Tap& tap, Tensor tensor) {
  const auto [at, fresh] = joined_.try_emplace(tap, std::move(tensor));
  if (fresh) return;
  Tensor& joined = at->second;
  joined.shape[0] += tensor.shape[0];
  joined.values.insert(joined.values.end(), tensor.values.begin(), tensor.values.end());
}

void JoiningSink::hand_on(Sink& sink) {
  for (auto& [tap, tensor] : joined_) sink.put(tap, std::move(tensor));
  joined_.clear();
}

void run_in_pieces(Engine& engine, Session& session, std::span<const int64_t> tokens,
                   std::span<const size_t> pieces, const TapFilter& filter, Sink& sink) {
  JoiningSink joining;
  for (const size_t size : pieces) {
    base::ensure(size <= tokens.size(), "the pieces are those of the tokens");
    run(engine, session, tokens.first(size), filter, joining);
    tokens = tokens.subspan(size);
  }
  joining.hand_on(sink);
}

}  // namespace plumb::trace
