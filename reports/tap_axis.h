// The horizontal axis of a drift plot: the taps of one case in the order of a forward, a stretch of
// the axis for each layer.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reports/digest.h"

namespace plumb::reports {

// The taps of one layer, or one tap outside the layers.
struct TapGroup {
  std::string label;         // "3", or the tap's name; empty where that has no room
  std::optional<int> layer;  // none outside the layers
  size_t begin = 0;          // its taps: [begin, end)
  size_t end = 0;
  double left = 0;  // its place on the axis
  double right = 0;
};

class TapAxis {
 public:
  // Candidates of one case may have recorded different taps: the axis holds every one of them,
  // each in the place that its neighbours give it.
  TapAxis(const ResultRefs& results, double left, double right);

  const std::vector<std::string>& taps() const { return taps_; }
  const std::vector<TapGroup>& groups() const { return groups_; }
  double x(size_t tap) const { return x_[tap]; }
  std::optional<size_t> find(std::string_view tap) const;

 private:
  void place(double left, double right);

  std::vector<std::string> taps_;
  std::vector<TapGroup> groups_;
  std::vector<double> x_;
};

}  // namespace plumb::reports
