#include <fmt/format.h>
#include <fmt/ranges.h>

#include "reports/html_parts.h"

namespace plumb::reports {
namespace {

std::string or_dash(const std::string& text) {
  return text.empty() ? "–" : text;
}

void write_change(Markup& page, const Change& change, size_t family_span) {
  const auto row = family_span > 0 ? page.open("tr", {{"class", "begins"}}) : page.open("tr");
  if (family_span > 0) {
    page.put("th", {{"scope", "rowgroup"}, {"rowspan", std::to_string(family_span)}},
             change.family);
  }
  page.put("td", change.case_name);
  page.put("td", change.candidate);
  page.put("td", to_text(change.kind));
  page.put("td", {{"class", "n"}}, or_dash(change.before));
  page.put("td", {{"class", "n"}}, or_dash(change.after));
  const bool worse = change.direction == Direction::kWorse;
  const bool better = change.direction == Direction::kBetter;
  page.put("td", {{"class", worse ? "worse" : "better"}},
           worse    ? "▲ worse"
           : better ? "▼ better"
                    : "");
}

}  // namespace

void write_moved(Markup& page, const Comparison& comparison) {
  const auto section = page.open("section", {{"id", "moved"}});
  page.put("h2", "Since " + comparison.baseline);
  if (comparison.changes.empty()) {
    page.put("p", "Nothing moved.");
    return;
  }
  {
    const auto scroll = page.open("div", {{"class", "scroll"}, {"tabindex", "0"}});
    const auto table = page.open("table");
    write_table_head(page, {"family", "case", "candidate", "what", "#before", "#after", ""});
    const auto body = page.open("tbody");
    const std::vector<Change>& changes = comparison.changes;
    for (size_t i = 0; i < changes.size(); ++i) {
      size_t span = 0;
      if (i == 0 || changes[i - 1].family != changes[i].family) {
        while (i + span < changes.size() && changes[i + span].family == changes[i].family) ++span;
      }
      write_change(page, changes[i], span);
    }
  }
  if (!comparison.unmoved.empty()) {
    page.put("p", {{"class", "quiet"}},
             fmt::format("Nothing moved in {}.", fmt::join(comparison.unmoved, ", ")));
  }
}

}  // namespace plumb::reports
