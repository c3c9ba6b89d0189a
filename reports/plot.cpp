#include "reports/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "base/errors.h"
#include "reports/log_scale.h"
#include "reports/marker.h"
#include "reports/tap_axis.h"
#include "reports/text.h"

namespace plumb::reports {
namespace {

// In units of the SVG's own coordinates.
constexpr double kWidth = 960;
constexpr double kLeft = 48;
constexpr double kRight = kWidth - 10;
constexpr double kPanelHeight = 168;
constexpr double kTitleHeight = 38;
constexpr double kAxisHeight = 40;
constexpr double kLayerLabelSpacing = 20;
// Beyond this many taps the points shrink, so that they do not hide the line.
constexpr size_t kManyTaps = 120;

struct PanelKind {
  std::string_view title;
  double result::TapRow::*ratio;
  CleanRange clean;
};

constexpr std::array<PanelKind, 2> kPanels = {{
    {"The whole forward: drift over the noise floor", &result::TapRow::floor_ratio, kGlobalRange},
    {"Step by step: each step on the candidate’s own inputs", &result::TapRow::local_ratio,
     kLocalRange},
}};

std::string px(double value) {
  return fmt::format("{:.1f}", value);
}

template <class Predicate>
bool any_ratio(const ResultRefs& results, const PanelKind& panel, Predicate predicate) {
  return std::any_of(results.begin(), results.end(), [&](const Result* result) {
    return std::any_of(result->taps.begin(), result->taps.end(),
                       [&](const result::TapRow& row) { return predicate(row.*panel.ratio); });
  });
}

std::vector<PanelKind> panels_of(const ResultRefs& results) {
  std::vector<PanelKind> panels;
  for (const PanelKind& kind : kPanels) {
    const auto is_known = [](double ratio) { return !std::isnan(ratio); };
    if (any_ratio(results, kind, is_known)) panels.push_back(kind);
  }
  return panels;
}

class DriftPlot {
 public:
  DriftPlot(Markup& svg, const ResultRefs& results)
      : svg_(svg), results_(results), axis_(results, kLeft, kRight) {}

  void draw() {
    const std::vector<PanelKind> panels = panels_of(results_);
    const double height =
        static_cast<double>(panels.size()) * (kTitleHeight + kPanelHeight) + kAxisHeight;
    const auto root = svg_.open("svg", {{"xmlns", "http://www.w3.org/2000/svg"},
                                        {"viewBox", fmt::format("0 0 {} {}", kWidth, height)},
                                        {"role", "img"},
                                        {"aria-label", "Drift over the noise floor, tap by tap"}});
    double top = kTitleHeight;
    for (const PanelKind& panel : panels) {
      draw_panel(panel, top);
      top += kTitleHeight + kPanelHeight;
    }
    draw_layer_labels(top - kTitleHeight);
  }

 private:
  void line(std::string_view style, double x1, double y1, double x2, double y2) {
    svg_.leaf("line",
              {{"class", style}, {"x1", px(x1)}, {"y1", px(y1)}, {"x2", px(x2)}, {"y2", px(y2)}});
  }
  void label(std::string_view style, double x, double y, std::string_view text) {
    svg_.put("text", {{"class", style}, {"x", px(x)}, {"y", px(y)}}, text);
  }

  void draw_panel(const PanelKind& panel, double top) {
    const LogScale scale(ratios(panel), top, top + kPanelHeight);
    label("title", kLeft, top - 9, panel.title);
    draw_background(panel, scale, top);
    for (size_t i = 0; i < results_.size(); ++i) draw_line(panel, scale, i);
    for (size_t i = 0; i < results_.size(); ++i) draw_points(panel, scale, i);
    draw_departures(top);
  }

  std::vector<double> ratios(const PanelKind& panel) const {
    std::vector<double> all;
    for (const Result* result : results_) {
      for (const result::TapRow& row : result->taps) all.push_back(row.*panel.ratio);
    }
    return all;
  }

  void draw_background(const PanelKind& panel, const LogScale& scale, double top) {
    const double bottom = top + kPanelHeight;
    const double limit = scale.y(panel.clean.limit);
    const double low = scale.y(panel.clean.low);
    svg_.leaf("rect", {{"class", "band"},
                       {"x", px(kLeft)},
                       {"y", px(limit)},
                       {"width", px(kRight - kLeft)},
                       {"height", px(low - limit)}});
    for (size_t i = 1; i < axis_.groups().size(); ++i) {
      line("grid", axis_.groups()[i].left, top, axis_.groups()[i].left, bottom);
    }
    for (const LogTick& tick : scale.ticks()) {
      line("grid", kLeft, tick.y, kRight, tick.y);
      label("y", kLeft - 7, tick.y + 4, tick.label);
    }
    line("limit", kLeft, limit, kRight, limit);
    label("limit", kRight - 5, limit - 5, fmt::format("limit {}", panel.clean.limit));
  }

  // One value a tap of the axis; unknown where the candidate has none.
  std::vector<const result::TapRow*> rows_on_axis(const Result& result) const {
    std::map<std::string_view, const result::TapRow*> rows;
    for (const result::TapRow& row : result.taps) rows.emplace(row.tap, &row);
    std::vector<const result::TapRow*> on_axis;
    for (const std::string& tap : axis_.taps()) {
      const auto row = rows.find(tap);
      on_axis.push_back(row == rows.end() ? nullptr : row->second);
    }
    return on_axis;
  }

  // Taps that a candidate did not record are passed over; an unknown value breaks the line.
  void draw_line(const PanelKind& panel, const LogScale& scale, size_t candidate) {
    std::string path;
    bool pen_down = false;
    const auto rows = rows_on_axis(*results_[candidate]);
    for (size_t tap = 0; tap < rows.size(); ++tap) {
      if (rows[tap] == nullptr) continue;
      const double ratio = rows[tap]->*panel.ratio;
      if (!std::isnan(ratio)) {
        path += fmt::format("{}{:.1f} {:.1f}", pen_down ? "L" : "M", axis_.x(tap), scale.y(ratio));
      }
      pen_down = !std::isnan(ratio);
    }
    svg_.leaf("path", {{"class", "line " + series_style(candidate)}, {"d", path}});
  }

  void draw_points(const PanelKind& panel, const LogScale& scale, size_t candidate) {
    const double radius = axis_.taps().size() > kManyTaps ? 1.5 : 3.0;
    const auto group = svg_.open("g", {{"class", series_style(candidate)}});
    const auto rows = rows_on_axis(*results_[candidate]);
    for (size_t tap = 0; tap < rows.size(); ++tap) {
      if (rows[tap] == nullptr || std::isnan(rows[tap]->*panel.ratio)) continue;
      const double ratio = rows[tap]->*panel.ratio;
      const bool beyond = ratio > panel.clean.limit;
      const MarkerShape shape = scale.is_above(ratio) ? MarkerShape::kArrow
                                : beyond              ? MarkerShape::kTriangle
                                                      : series_shape(candidate);
      const std::string path =
          marker_path(shape, axis_.x(tap), scale.y(ratio), beyond ? radius + 1.5 : radius);
      const auto point = beyond ? svg_.open("path", {{"class", "beyond"}, {"d", path}})
                                : svg_.open("path", {{"d", path}});
      svg_.put("title", fmt::format("{} · {} · {}× the floor · max |Δ| {}", axis_.taps()[tap],
                                    results_[candidate]->candidate.name, number_text(ratio),
                                    number_text(rows[tap]->max_abs)));
    }
  }

  void draw_departures(double top) {
    double y = top + 13;
    for (size_t i = 0; i < results_.size(); ++i) {
      const auto& first = results_[i]->first_divergence;
      const std::optional<size_t> tap = first ? axis_.find(first->tap) : std::nullopt;
      if (!tap) continue;
      const double x = axis_.x(*tap);
      const bool to_the_left = x > (kLeft + kRight) / 2;
      line("departs", x, top, x, top + kPanelHeight);
      label(to_the_left ? "departs left" : "departs", to_the_left ? x - 6 : x + 6, y,
            fmt::format("{} departs at {}", results_[i]->candidate.name, first->tap));
      y += 15;
    }
  }

  void draw_layer_labels(double top) {
    double free_from = 0;
    for (const TapGroup& group : axis_.groups()) {
      const double middle = (group.left + group.right) / 2;
      if (group.label.empty() || middle < free_from) continue;
      label("x", middle, top + 16, group.label);
      free_from = group.layer ? middle + kLayerLabelSpacing : group.right;
    }
    label("x axis", (kLeft + kRight) / 2, top + 34, "layer (taps in the order of the forward)");
  }

  Markup& svg_;
  const ResultRefs& results_;
  TapAxis axis_;
};

void draw_key(Markup& page, const std::string& style, MarkerShape shape, std::string_view words) {
  const auto item = page.open("span", {{"class", "key"}});
  {
    const auto svg = page.open("svg", {{"class", "key"}, {"viewBox", "0 0 22 12"}});
    const auto group = page.open("g", {{"class", style}});
    if (style != "beyond") {
      page.leaf("path", {{"class", "line " + style}, {"d", "M0 6L22 6"}});
    }
    page.leaf("path",
              {{"class", style == "beyond" ? style : ""}, {"d", marker_path(shape, 11, 6, 4)}});
  }
  page.text(words);
}

}  // namespace

bool can_draw_drift(const ResultRefs& results) {
  return !panels_of(results).empty();
}

void draw_drift(Markup& page, const ResultRefs& results) {
  base::ensure(can_draw_drift(results), "a drift plot has something to draw");
  const auto figure = page.open("figure", {{"class", "plot"}});
  {
    const auto caption = page.open("figcaption");
    for (size_t i = 0; i < results.size(); ++i) {
      draw_key(page, series_style(i), series_shape(i), results[i]->candidate.name);
    }
    for (const PanelKind& panel : panels_of(results)) {
      const auto beyond = [&](double ratio) { return ratio > panel.clean.limit; };
      if (!any_ratio(results, panel, beyond)) continue;
      draw_key(page, "beyond", MarkerShape::kTriangle, "beyond the limit (an arrow: infinite)");
      break;
    }
  }
  const auto scroll = page.open("div", {{"class", "scroll"}, {"tabindex", "0"}});
  DriftPlot(page, results).draw();
}

}  // namespace plumb::reports
