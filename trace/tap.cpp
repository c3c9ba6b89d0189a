#include "trace/tap.h"

#include <fnmatch.h>

#include <algorithm>
#include <charconv>
#include <tuple>

namespace plumb::trace {
namespace {

constexpr std::string_view kLayerPrefix = "layer.";

// Before the layers, inside them, after them.
int stage(const Tap& tap) {
  if (definition(tap.id).in_layer) return 1;
  return tap.id == TapId::kEmbed ? 0 : 2;
}

std::optional<TapId> find(std::string_view name, bool in_layer) {
  for (const TapDefinition& tap : kTaps) {
    if (tap.in_layer == in_layer && tap.name == name) return tap.id;
  }
  return std::nullopt;
}

bool pattern_matches(const std::string& pattern, const Tap& tap) {
  if (pattern == "all") return true;
  if (pattern == "coarse") return definition(tap.id).coarse;
  return ::fnmatch(pattern.c_str(), tap.name().c_str(), 0) == 0;
}

}  // namespace

std::string Tap::name() const {
  const TapDefinition& tap = definition(id);
  std::string text;
  if (tap.in_layer) text.append(kLayerPrefix).append(std::to_string(layer)).append(".");
  return text.append(tap.name);
}

std::strong_ordering Tap::operator<=>(const Tap& other) const {
  return std::tuple(stage(*this), layer, id) <=> std::tuple(stage(other), other.layer, other.id);
}

std::optional<Tap> parse_tap(std::string_view name) {
  if (!name.starts_with(kLayerPrefix)) {
    const std::optional<TapId> id = find(name, false);
    return id ? std::optional(Tap{*id, -1}) : std::nullopt;
  }
  const std::string_view rest = name.substr(kLayerPrefix.size());
  const size_t dot = rest.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  int layer = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + dot, layer);
  if (error != std::errc() || end != rest.data() + dot || layer < 0) return std::nullopt;
  const std::optional<TapId> id = find(rest.substr(dot + 1), true);
  if (!id) return std::nullopt;
  const Tap tap{*id, layer};
  return tap.name() == name ? std::optional(tap) : std::nullopt;  // "layer.01.out" is no tap
}

TapFilter::TapFilter(std::string_view expression) {
  while (!expression.empty()) {
    const size_t comma = expression.find(',');
    patterns_.emplace_back(expression.substr(0, comma));
    if (comma == std::string_view::npos) break;
    expression.remove_prefix(comma + 1);
  }
}

bool TapFilter::matches(const Tap& tap) const {
  if (tap.id == TapId::kLogits) return true;
  return std::any_of(patterns_.begin(), patterns_.end(),
                     [&](const std::string& pattern) { return pattern_matches(pattern, tap); });
}

std::optional<std::string> TapFilter::idle_pattern(std::span<const Tap> taps) const {
  for (const std::string& pattern : patterns_) {
    const auto matches = [&](const Tap& tap) { return pattern_matches(pattern, tap); };
    if (std::none_of(taps.begin(), taps.end(), matches)) return pattern;
  }
  return std::nullopt;
}

}  // namespace plumb::trace
