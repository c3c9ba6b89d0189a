// The vertical axis of a drift plot: decades from a bottom to a top edge.
#pragma once

#include <string>
#include <vector>

namespace plumb::reports {

struct LogTick {
  double y;
  std::string label;
};

// Covers 0.1 to 10 and what of `values` lies within reason beyond it. Values below the bottom edge
// (zero above all) are drawn on it, values above the top edge on that.
class LogScale {
 public:
  LogScale(const std::vector<double>& values, double top, double bottom);

  // `value` must be known (no NaN). SVG's y grows downwards: top < bottom.
  double y(double value) const;
  bool is_above(double value) const;
  // At most eight, at decades.
  std::vector<LogTick> ticks() const;

 private:
  double top_;
  double bottom_;
  int low_ = -1;  // exponents of ten
  int high_ = 1;
};

}  // namespace plumb::reports
