#include "trace/tap.h"

#include <fnmatch.h>

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
  const std::string name = tap.name();
  for (const std::string& pattern : patterns_) {
    if (pattern == "all") return true;
    if (pattern == "coarse" && definition(tap.id).coarse) return true;
    if (::fnmatch(pattern.c_str(), name.c_str(), 0) == 0) return true;
  }
  return false;
}

}  // namespace plumb::trace
