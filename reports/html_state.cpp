#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "reports/html_parts.h"
#include "reports/text.h"

namespace plumb::reports {
namespace {

using result::StateCell;

// Each name once, in the order of its first cell.
std::vector<std::string> names_of(const std::vector<StateCell>& cells,
                                  std::string StateCell::*member) {
  std::vector<std::string> names;
  for (const StateCell& cell : cells) {
    if (std::find(names.begin(), names.end(), cell.*member) == names.end()) {
      names.push_back(cell.*member);
    }
  }
  return names;
}

const StateCell* find_cell(const std::vector<StateCell>& cells, const std::string& run,
                           const std::string& prompt) {
  const auto found = std::find_if(cells.begin(), cells.end(), [&](const StateCell& cell) {
    return cell.run == run && cell.prompt == prompt;
  });
  return found == cells.end() ? nullptr : &*found;
}

void write_cell(Markup& page, const StateCell* cell) {
  if (cell == nullptr) return page.put("td", "–");
  if (cell->verdict == Verdict::kPassed) {
    return page.put("td", {{"class", "n"}}, times_text(cell->floor_ratio));
  }
  page.put("td", {{"class", "n over"}}, "✗ " + state_place_text(*cell));
}

std::string summary_of(const result::StateSection& state) {
  const auto bad = std::count_if(state.cells.begin(), state.cells.end(),
                                 [](const auto& cell) { return cell.verdict != Verdict::kPassed; });
  std::string text = "State: " + count_text(static_cast<int>(state.cells.size()), "other run");
  text +=
      bad == 0 ? ", all as the prompt at once" : fmt::format(", {} not as the prompt at once", bad);
  if (!std::isnan(state.reference_max_rel)) {
    text += fmt::format("; the reference's own differ by {} at most",
                        number_text(state.reference_max_rel));
  }
  return text;
}

}  // namespace

void write_state(Markup& page, const result::StateSection& state) {
  const bool bad = std::any_of(state.cells.begin(), state.cells.end(),
                               [](const auto& cell) { return cell.verdict != Verdict::kPassed; });
  const auto details = page.open("details", {{"class", "taps"}, {"open", bad ? "open" : ""}});
  page.put("summary", summary_of(state));
  const std::vector<std::string> prompts = names_of(state.cells, &StateCell::prompt);
  const auto scroll = page.open("div", {{"class", "scroll"}, {"tabindex", "0"}});
  const auto table = page.open("table");
  std::vector<std::string> head = {"run"};
  for (const std::string& prompt : prompts) head.push_back("#" + prompt);
  write_table_head(page, head);
  const auto body = page.open("tbody");
  for (const std::string& run : names_of(state.cells, &StateCell::run)) {
    const auto row = page.open("tr");
    page.put("td", run);
    for (const std::string& prompt : prompts) {
      write_cell(page, find_cell(state.cells, run, prompt));
    }
  }
}

}  // namespace plumb::reports
