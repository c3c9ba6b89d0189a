#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "reports/html_parts.h"
#include "reports/plot.h"
#include "reports/text.h"

namespace plumb::reports {
namespace {

// The plumb line: it hangs true when all passed.
void write_bob(Markup& page, const Counts& counts) {
  const bool all_passed = counts.passed == counts.total();
  const auto svg =
      page.open("svg", {{"class", "bob"}, {"viewBox", "0 0 48 120"}, {"aria-hidden", "true"}});
  page.leaf("path", {{"class", "true-line"}, {"d", "M24 0V120"}});
  const auto swing = page.open("g", {{"transform", all_passed ? "" : "rotate(-9 24 0)"}});
  page.leaf("path", {{"class", "string"}, {"d", "M24 0V78"}});
  page.leaf("path", {{"class", all_passed ? "weight pass" : "weight fail"},
                     {"d", "M21 76h6v4h5l-2 14L24 114L18 94L16 80h5z"}});
}

void write_fact(Markup& page, std::string_view title, std::string_view value,
                std::string_view detail) {
  const auto fact = page.open("div", {{"class", "fact"}});
  page.put("h2", title);
  page.put("p", {{"class", "value"}}, value);
  page.put("p", {{"class", "detail"}}, detail);
}

std::string name_of(const Result& result) {
  return result.case_name + " / " + result.candidate.name;
}

void write_drift_fact(Markup& page, const std::vector<Result>& results) {
  const Result* worst = nullptr;
  for (const Result& result : results) {
    if (std::isnan(result.drift.floor_ratio)) continue;
    if (worst == nullptr || result.drift.floor_ratio > worst->drift.floor_ratio) worst = &result;
  }
  if (worst == nullptr) return;
  write_fact(page, "Worst drift of the logits", times_text(worst->drift.floor_ratio) + " the floor",
             name_of(*worst));
}

void write_oracle_fact(Markup& page, const std::vector<Result>& results) {
  const Result* worst = nullptr;
  for (const Result& result : results) {
    if (!result.oracle || std::isnan(result.oracle->max_rel_tap)) continue;
    if (worst == nullptr || result.oracle->max_rel_tap > worst->oracle->max_rel_tap) {
      worst = &result;
    }
  }
  if (worst == nullptr) return;
  write_fact(page, "Reference against oracle", number_text(worst->oracle->max_rel_tap),
             fmt::format("relative, at the worst tap: {} of {}", worst->oracle->worst_tap,
                         worst->case_name));
}

void write_token_fact(Markup& page, const std::vector<Result>& results) {
  result::TokenSection sum;
  for (const Result& result : results) {
    sum.compared += result.tokens.compared;
    sum.exact += result.tokens.exact;
    sum.certified_ties += result.tokens.certified_ties;
    sum.flips += result.tokens.flips;
    sum.greedy_compared += result.tokens.greedy_compared;
    sum.greedy_exact += result.tokens.greedy_exact;
  }
  if (sum.compared == 0) return;
  write_fact(page, "Tokens exact", fmt::format("{} of {}", sum.exact, sum.compared),
             token_detail(sum));
}

void write_power_fact(Markup& page, const std::vector<Result>& results) {
  result::Power sum;
  for (const Result& result : results) {
    if (!result.power) continue;
    sum.structural_covered += result.power->structural_covered;
    sum.structural_total += result.power->structural_total;
    sum.subtle_covered += result.power->subtle_covered;
    sum.subtle_total += result.power->subtle_total;
  }
  if (sum.structural_total + sum.subtle_total == 0) return;
  write_fact(page, "Faults these inputs would reveal",
             fmt::format("{} of {}", sum.structural_covered, sum.structural_total),
             fmt::format("structural; subtle {} of {}", sum.subtle_covered, sum.subtle_total));
}

// One small square a case: where on the page the trouble is, at a glance.
void write_tiles(Markup& page, const FamilyRow& row, const CaseLinks& links) {
  const auto cell = page.open("td", {{"class", "tiles"}});
  for (const Result* result : row.results) {
    const VerdictLook shown = look(result->verdict);
    page.put("a",
             {{"class", "tile " + std::string(shown.style)},
              {"href", links.href(*result)},
              {"title", result->case_name + ": " + std::string(shown.word)}},
             shown.mark);
  }
}

void write_family_row(Markup& page, const FamilyRow& row, size_t family_span,
                      const CaseLinks& links) {
  const auto tr = family_span > 0 ? page.open("tr", {{"class", "begins"}}) : page.open("tr");
  if (family_span > 0) {
    page.put("th", {{"scope", "rowgroup"}, {"rowspan", std::to_string(family_span)}}, row.family);
  }
  page.put("td", row.candidate);
  write_tiles(page, row, links);
  page.put("td", {{"class", "n"}}, fmt::format("{}/{}", row.counts.passed, row.counts.total()));
  const Result* drift = row.worst_drift;
  write_number_cell(page, drift ? drift->drift.max_abs_logit : result::kUnknown);
  write_number_cell(page, drift ? drift->drift.floor_rms_logit : result::kUnknown);
  write_ratio_cell(page, row.worst_ratio ? row.worst_ratio->drift.floor_ratio : result::kUnknown,
                   kGlobalRange.limit);
  page.put(
      "td", {{"class", "n"}},
      row.tokens_compared == 0 ? "–" : fmt::format("{}/{}", row.tokens_exact, row.tokens_compared));
  const auto cell = page.open("td");
  if (row.first_departed == nullptr) {
    page.text("–");
  } else {
    page.put("a", {{"href", links.href(*row.first_departed)}},
             row.first_departed->first_divergence->tap);
  }
}

// One result that did not pass, in the words of its first reason.
void write_objection(Markup& page, const Result& result, const CaseLinks& links) {
  const auto item = page.open("li", {{"class", "card " + std::string(look(result.verdict).style)}});
  write_verdict(page, result.verdict);
  page.text(" ");
  page.put("a", {{"href", links.href(result)}}, result.case_name);
  page.text(" ");
  page.put("span", {{"class", "quiet"}}, result.candidate.name);
  if (result.diagnosis && !result.diagnosis->empty()) {
    page.put("p", {{"class", "cause"}}, cause_text(result.diagnosis->front()));
  }
  if (!result.reasons.empty()) {
    const result::Reason& reason = result.reasons.front();
    const std::string_view words = gate_words(reason.gate);
    if (!words.empty()) page.put("p", words);
    page.put("p", {{"class", "quiet"}},
             reason.tap.empty() ? reason.message : reason.tap + ": " + reason.message);
  }
  if (result.first_divergence) {
    page.put("p", {{"class", "quiet"}}, divergence_text(*result.first_divergence));
  }
}

}  // namespace

void write_header(Markup& page, const std::vector<Result>& results) {
  const Counts counts = count(results);
  std::set<std::string> families;
  for (const Result& result : results) families.insert(result.family);
  const std::vector<std::string> candidates = candidate_names(results);

  const auto header = page.open("header");
  write_bob(page, counts);
  const auto words = page.open("div");
  page.put("p", {{"class", "brand"}}, "Plumbline");
  page.newline();
  page.put("h1", headline(counts));
  {
    const auto line = page.open("p", {{"class", "counts"}});
    const auto chip = [&](Verdict verdict, int number) {
      if (number == 0) return;
      const VerdictLook shown = look(verdict);
      page.put("span", {{"class", "chip " + std::string(shown.style)}},
               fmt::format("{} {} {}", shown.mark, number, shown.word));
      page.newline();
    };
    chip(Verdict::kPassed, counts.passed);
    chip(Verdict::kFailed, counts.failed);
    chip(Verdict::kInconclusive, counts.inconclusive);
    chip(Verdict::kSkipped, counts.skipped);
  }
  if (results.empty()) {
    page.put("p", {{"class", "scope"}}, "The results hold no case.");
    return;
  }
  page.put("p", {{"class", "scope"}},
           fmt::format(
               "{}, {}, {}", count_text(static_cast<int>(case_groups(results).size()), "case"),
               families.size() == 1 ? "1 family" : fmt::format("{} families", families.size()),
               candidates.size() > 4 ? count_text(static_cast<int>(candidates.size()), "candidate")
                                     : fmt::format("{}", fmt::join(candidates, ", "))));
}

void write_facts(Markup& page, const std::vector<Result>& results) {
  if (results.empty()) return;
  const auto facts = page.open("section", {{"class", "facts"}});
  write_drift_fact(page, results);
  write_oracle_fact(page, results);
  write_token_fact(page, results);
  write_power_fact(page, results);
}

void write_not_passed(Markup& page, const std::vector<Result>& results, const CaseLinks& links) {
  const Counts counts = count(results);
  if (counts.passed == counts.total()) return;
  const auto section = page.open("section", {{"id", "not-passed"}});
  page.put("h2", "What did not pass");
  const auto list = page.open("ul", {{"class", "cards"}});
  for (const Verdict verdict : {Verdict::kFailed, Verdict::kInconclusive, Verdict::kSkipped}) {
    for (const Result& result : results) {
      if (result.verdict == verdict) write_objection(page, result, links);
    }
  }
}

void write_families(Markup& page, const std::vector<Result>& results, const CaseLinks& links) {
  if (results.empty()) return;
  const auto section = page.open("section", {{"id", "families"}});
  page.put("h2", "Families");
  const auto scroll = page.open("div", {{"class", "scroll"}, {"tabindex", "0"}});
  const auto table = page.open("table");
  write_table_head(page, {"family", "candidate", "cases", "#passed", "#max |Δ logit|",
                          "#floor (RMS)", "#worst ratio", "#tokens exact", "first divergence"});
  const auto body = page.open("tbody");
  const std::vector<FamilyRow> rows = family_rows(results);
  for (size_t i = 0; i < rows.size(); ++i) {
    size_t span = 0;
    if (i == 0 || rows[i - 1].family != rows[i].family) {
      while (i + span < rows.size() && rows[i + span].family == rows[i].family) ++span;
    }
    write_family_row(page, rows[i], span, links);
  }
}

}  // namespace plumb::reports
