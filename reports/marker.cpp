#include "reports/marker.h"

#include <fmt/format.h>

namespace plumb::reports {
namespace {

// Triangle and arrow are kept for what is beyond the limit.
constexpr size_t kSeriesShapes = 4;
constexpr size_t kSeriesColours = 5;  // .s0 to .s4 in style.cpp

}  // namespace

std::string marker_path(MarkerShape shape, double x, double y, double r) {
  switch (shape) {
    case MarkerShape::kCircle:
      return fmt::format(
          "M{:.1f} {:.1f}a{r:.3g} {r:.3g} 0 1 0 {d:.3g} 0a{r:.3g} {r:.3g} 0 1 0 -{d:.3g} 0z", x - r,
          y, fmt::arg("r", r), fmt::arg("d", 2 * r));
    case MarkerShape::kSquare:
      return fmt::format("M{:.1f} {:.1f}h{d:.3g}v{d:.3g}h-{d:.3g}z", x - r, y - r,
                         fmt::arg("d", 2 * r));
    case MarkerShape::kDiamond:
      return fmt::format("M{:.1f} {:.1f}l{s:.3g} {s:.3g}l-{s:.3g} {s:.3g}l-{s:.3g} -{s:.3g}z", x,
                         y - 1.3 * r, fmt::arg("s", 1.3 * r));
    case MarkerShape::kBar:
      return fmt::format("M{:.1f} {:.1f}h{w:.3g}v{r:.3g}h-{w:.3g}z", x - 1.5 * r, y - r / 2,
                         fmt::arg("r", r), fmt::arg("w", 3 * r));
    case MarkerShape::kTriangle:
      return fmt::format("M{:.1f} {:.1f}l{r:.3g} {h:.3g}h-{d:.3g}z", x, y - r, fmt::arg("r", r),
                         fmt::arg("h", 1.8 * r), fmt::arg("d", 2 * r));
    case MarkerShape::kArrow:
      return fmt::format(
          "M{:.1f} {:.1f}l{r:.3g} {h:.3g}h-{q:.3g}v{h:.3g}h-{s:.3g}v-{h:.3g}h-{q:.3g}z", x, y,
          fmt::arg("r", r), fmt::arg("h", 1.3 * r), fmt::arg("q", 0.65 * r),
          fmt::arg("s", 0.7 * r));
  }
  return "";
}

MarkerShape series_shape(size_t candidate) {
  return static_cast<MarkerShape>(candidate % kSeriesShapes);
}

std::string series_style(size_t candidate) {
  return fmt::format("s{}", candidate % kSeriesColours);
}

}  // namespace plumb::reports
