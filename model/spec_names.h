// The names of the spec's enumerators, for what reads them: attributes of ops, specs as data.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>

#include "model/spec.h"

namespace plumb::model {

// All names of the enumerator's type, in the order of the values.
std::span<const std::string_view> names_of(NormRounding any);
std::span<const std::string_view> names_of(RopeScaling::Kind any);
std::span<const std::string_view> names_of(RopePairs any);
std::span<const std::string_view> names_of(RopeRounding any);
std::span<const std::string_view> names_of(Activation any);
std::span<const std::string_view> names_of(QueryTemperature::Growth any);
std::span<const std::string_view> names_of(RouterSpec::Scores any);

template <class Enum>
std::optional<Enum> from_text(std::string_view name) {
  const auto names = names_of(Enum{});
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Enum>(found - names.begin());
}

}  // namespace plumb::model
