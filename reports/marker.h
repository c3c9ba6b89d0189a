// The marks of a plot: what tells candidates apart without colour, and clean points from others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace plumb::reports {

enum class MarkerShape : uint8_t { kCircle, kSquare, kDiamond, kBar, kTriangle, kArrow };

// The `d` of an SVG path around (x, y).
std::string marker_path(MarkerShape shape, double x, double y, double radius);

// The mark and the CSS class of the n-th candidate of a plot; twenty pairs before one comes again.
MarkerShape series_shape(size_t candidate);
std::string series_style(size_t candidate);

}  // namespace plumb::reports
