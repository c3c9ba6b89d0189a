#include "reports/tap_axis.h"

#include <algorithm>
#include <charconv>

namespace plumb::reports {
namespace {

// Room for the name of a tap outside the layers, in the font of the plot.
constexpr double kCharacterWidth = 6.6;
constexpr double kLabelMargin = 10;
// Beyond this share of the axis the names would crowd out the layers.
constexpr double kMaxLabelShare = 0.5;

std::optional<int> layer_of(std::string_view tap) {
  constexpr std::string_view kPrefix = "layer.";
  if (!tap.starts_with(kPrefix)) return std::nullopt;
  tap.remove_prefix(kPrefix.size());
  int layer = 0;
  const auto [end, error] = std::from_chars(tap.data(), tap.data() + tap.size(), layer);
  if (error != std::errc() || end == tap.data() + tap.size() || *end != '.') return std::nullopt;
  return layer;
}

void merge(std::vector<std::string>& taps, const Result& result) {
  auto place = taps.begin();
  for (const result::TapRow& row : result.taps) {
    const auto known = std::find(taps.begin(), taps.end(), row.tap);
    place = (known != taps.end() ? known : taps.insert(place, row.tap)) + 1;
  }
}

std::vector<TapGroup> group(const std::vector<std::string>& taps) {
  std::vector<TapGroup> groups;
  for (size_t i = 0; i < taps.size(); ++i) {
    const std::optional<int> layer = layer_of(taps[i]);
    if (groups.empty() || !layer || groups.back().layer != layer) {
      groups.push_back({layer ? std::to_string(*layer) : taps[i], layer, i, i});
    }
    groups.back().end = i + 1;
  }
  return groups;
}

double label_width(const TapGroup& group) {
  if (group.layer) return 0;
  return static_cast<double>(group.label.size()) * kCharacterWidth + kLabelMargin;
}

}  // namespace

TapAxis::TapAxis(const ResultRefs& results, double left, double right) {
  for (const Result* result : results) merge(taps_, *result);
  groups_ = group(taps_);
  place(left, right);
}

void TapAxis::place(double left, double right) {
  double labels = 0;
  size_t taps_in_layers = 0;
  for (const TapGroup& group : groups_) {
    labels += label_width(group);
    if (group.layer) taps_in_layers += group.end - group.begin;
  }
  const double width = right - left;
  const bool labelled = taps_in_layers > 0 && labels <= kMaxLabelShare * width;
  const double per_tap = labelled ? (width - labels) / static_cast<double>(taps_in_layers)
                                  : width / static_cast<double>(std::max<size_t>(1, taps_.size()));
  x_.resize(taps_.size());
  double at = left;
  for (TapGroup& group : groups_) {
    const auto count = static_cast<double>(group.end - group.begin);
    group.left = at;
    at += labelled && !group.layer ? label_width(group) : per_tap * count;
    group.right = at;
    // Half a pixel of slack for sums that do not round alike.
    if (label_width(group) > group.right - group.left + 0.5) group.label.clear();
    for (size_t tap = group.begin; tap < group.end; ++tap) {
      const double share = (static_cast<double>(tap - group.begin) + 0.5) / count;
      x_[tap] = group.left + share * (group.right - group.left);
    }
  }
}

std::optional<size_t> TapAxis::find(std::string_view tap) const {
  const auto found = std::find(taps_.begin(), taps_.end(), tap);
  if (found == taps_.end()) return std::nullopt;
  return static_cast<size_t>(found - taps_.begin());
}

}  // namespace plumb::reports
