#include "reports/html.h"

#include <fmt/format.h>

#include "base/errors.h"
#include "reports/html_parts.h"
#include "reports/style.h"
#include "reports/text.h"

namespace plumb::reports {
namespace {

// A link into a closed section opens it; without the script the reader does.
constexpr std::string_view kScript = R"(<script>
function reveal() {
  var at = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (; at; at = at.parentElement) if (at.tagName === 'DETAILS') at.open = true;
}
addEventListener('hashchange', reveal);
reveal();
</script>
)";

constexpr std::string_view kIcon =
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Cpath d='M8 0V7' stroke='%23808890'/%3E%3Cpath d='M4.5 6h7L8 16z' fill='%233a7d68'/%3E"
    "%3C/svg%3E";

void write_head(Markup& page, const std::vector<Result>& results) {
  const auto head = page.open("head");
  page.leaf("meta", {{"charset", "utf-8"}});
  page.leaf("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}});
  page.leaf("meta", {{"name", "color-scheme"}, {"content", "light dark"}});
  page.newline();
  page.put("title", "Plumbline: " + headline(count(results)));
  page.leaf("link", {{"rel", "icon"}, {"href", kIcon}});
  const auto style = page.open("style");
  page.raw(kStyle);
}

void write_cases(Markup& page, const std::vector<CaseGroup>& groups, const CaseLinks& links) {
  if (groups.empty()) return;
  const auto section = page.open("section", {{"id", "cases"}});
  page.put("h2", "Cases");
  for (const CaseGroup& group : groups) write_case(page, group, links);
}

void write_help(Markup& page) {
  const auto details = page.open("details", {{"class", "help"}});
  page.put("summary", "How to read this page");
  const auto list = page.open("dl");
  const auto entry = [&](std::string_view term, std::string_view meaning) {
    page.put("dt", term);
    page.put("dd", meaning);
  };
  entry("Drift", "what the candidate gave, minus what the forward is in float64.");
  entry("Floor",
        "the RMS drift that the candidate’s declared precision makes by itself: the same "
        "forward with the roundings and summations that the precision is entitled to.");
  entry("Floor ratio",
        "drift over floor. A correct run lies near 1 or below, whatever its "
        "kernels; the shaded bands show where clean runs lie.");
  entry("Whole forward and step by step",
        "the first compares a tap with the reference’s own "
        "forward, so errors of earlier layers are in it. The second replays one step in float64 on "
        "the candidate’s recorded inputs, so only that step’s own error is in it.");
  entry("Certified tie",
        "a token that differs where the precision leaves the choice open. A flip "
        "differs where it does not.");
  entry("Inconclusive",
        "these inputs could not have revealed every structural fault, or too "
        "little was recorded: nothing was found, and that proves nothing.");
}

}  // namespace

std::string html_text(const std::vector<Result>& results,
                      const std::optional<Comparison>& comparison) {
  const std::vector<CaseGroup> groups = case_groups(results);
  const CaseLinks links(groups);
  Markup page;
  page.raw("<!DOCTYPE html>\n");
  {
    const auto html =
        page.open("html", {{"lang", "en"}, {"xmlns", "http://www.w3.org/1999/xhtml"}});
    write_head(page, results);
    const auto body = page.open("body");
    {
      const auto main = page.open("main");
      write_header(page, results);
      write_facts(page, results);
      write_not_passed(page, results, links);
      if (comparison) write_moved(page, *comparison);
      write_families(page, results, links);
      write_cases(page, groups, links);
      write_help(page);
    }
    page.newline();
    page.raw(kScript);
  }
  page.newline();
  return page.str();
}

CaseLinks::CaseLinks(const std::vector<CaseGroup>& groups) {
  std::map<std::string, int> taken;
  for (const CaseGroup& group : groups) {
    std::string id = "case-" + group.case_name;
    for (char& c : id) {
      const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || c == '-' || c == '.';
      if (!plain) c = '_';
    }
    // '~' is no plain character, so a numbered name is never somebody's own.
    const int again = taken[id]++;
    if (again > 0) id += fmt::format("~{}", again + 1);
    ids_.emplace(std::pair(group.family, group.case_name), id);
  }
}

const std::string& CaseLinks::id(const std::string& family, const std::string& case_name) const {
  const auto found = ids_.find(std::pair(family, case_name));
  base::ensure(found != ids_.end(), "every case of a report has its place");
  return found->second;
}

std::string CaseLinks::href(const Result& result) const {
  return fmt::format("#{}", id(result.family, result.case_name));
}

void write_verdict(Markup& page, Verdict verdict) {
  const VerdictLook shown = look(verdict);
  const auto chip = page.open("span", {{"class", "chip " + std::string(shown.style)}});
  page.put("b", shown.mark);
  page.text(fmt::format(" {}", shown.word));
}

void write_table_head(Markup& page, const std::vector<std::string>& names) {
  const auto head = page.open("thead");
  const auto row = page.open("tr");
  for (const std::string& name : names) {
    const bool number = name.starts_with('#');
    if (number) {
      page.put("th", {{"scope", "col"}, {"class", "n"}}, name.substr(1));
    } else {
      page.put("th", {{"scope", "col"}}, name);
    }
  }
}

void write_number_cell(Markup& page, double value) {
  page.put("td", {{"class", "n"}}, number_text(value));
}

void write_ratio_cell(Markup& page, double ratio, const result::Margin& margin) {
  const bool beyond = margin.beyond();
  page.put("td", {{"class", beyond ? "n beyond" : "n"}}, (beyond ? "▲ " : "") + number_text(ratio));
}

}  // namespace plumb::reports
