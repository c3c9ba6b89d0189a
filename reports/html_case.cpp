#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "reports/html_parts.h"
#include "reports/plot.h"
#include "reports/text.h"

namespace plumb::reports {
namespace {

// A term and what there is to say about it, in a list of facts.
class Facts {
 public:
  explicit Facts(Markup& page) : page_(page), list_(page.open("dl", {{"class", "facts"}})) {}
  void add(std::string_view term, std::string_view text) {
    page_.put("dt", term);
    page_.put("dd", text);
  }

 private:
  Markup& page_;
  Markup::Scope list_;
};

std::string ratio_words(double ratio) {
  return std::isnan(ratio) ? "" : times_text(ratio) + " the floor";
}

void write_summary(Markup& page, const CaseGroup& group) {
  const auto summary = page.open("summary");
  const VerdictLook shown = look(group.verdict);
  page.put("span", {{"class", "mark " + std::string(shown.style)}, {"title", shown.word}},
           shown.mark);
  page.text(" ");
  page.put("strong", group.case_name);
  page.text(" ");
  page.put("span", {{"class", "quiet"}}, group.family);
  const auto sides = page.open("span", {{"class", "sides"}});
  for (const Result* result : group.results) {
    page.newline();
    const auto side =
        page.open("span", {{"class", "side " + std::string(look(result->verdict).style)}});
    page.text(result->candidate.name + " ");
    page.put("b", std::isnan(result->drift.floor_ratio) ? std::string(look(result->verdict).word)
                                                        : times_text(result->drift.floor_ratio));
  }
}

void write_reasons(Markup& page, const Result& result) {
  if (result.reasons.empty()) return;
  const auto list = page.open("ul", {{"class", "reasons"}});
  for (const result::Reason& reason : result.reasons) {
    const auto item = page.open("li");
    const std::string_view words = gate_words(reason.gate);
    page.put("strong", words.empty() ? std::string_view(reason.gate) : words);
    if (!reason.tap.empty()) {
      page.text(": ");
      page.put("code", reason.tap);
    }
    page.put("p", reason.message);
  }
}

void write_cause(Markup& page, const Result& result) {
  if (result.first_divergence) {
    page.put("p", {{"class", "where"}},
             "The candidate first " + divergence_text(*result.first_divergence) + ".");
  }
  if (!result.diagnosis) return;
  if (result.diagnosis->empty()) {
    page.put("p", {{"class", "cause"}}, "No cause is certain.");
    return;
  }
  const auto list = page.open("ol", {{"class", "causes"}});
  for (const result::Diagnosis& diagnosis : *result.diagnosis) {
    const auto item = page.open("li");
    page.put("strong", cause_text(diagnosis));
    page.text(fmt::format(" explains {} of the departure ", percent_text(diagnosis.explained)));
    page.put("code", diagnosis.cause);
  }
}

std::string drift_words(const result::Drift& drift) {
  const std::string ratio = ratio_words(drift.floor_ratio);
  return fmt::format("max |Δ| {}, RMS {}, floor {}{}", number_text(drift.max_abs_logit),
                     number_text(drift.rms_logit), number_text(drift.floor_rms_logit),
                     ratio.empty() ? "" : "; " + ratio);
}

std::string token_words(const result::TokenSection& tokens) {
  if (tokens.compared == 0 && tokens.greedy_compared == 0) return "none compared";
  return fmt::format("{} of {} exact, {}", tokens.exact, tokens.compared, token_detail(tokens));
}

std::string oracle_words(const result::OracleSection& oracle) {
  return fmt::format(
      "the reference {} {}: {} relative at the logits, {} at the worst tap ({}); tokens {}",
      oracle.verdict == Verdict::kPassed ? "meets" : "does not meet", oracle.producer,
      number_text(oracle.max_rel_logit), number_text(oracle.max_rel_tap), oracle.worst_tap,
      oracle.token_exact ? "exact" : "not exact");
}

std::string power_words(const result::Power& power) {
  std::string text = fmt::format("would reveal {} of {} structural and {} of {} subtle faults",
                                 power.structural_covered, power.structural_total,
                                 power.subtle_covered, power.subtle_total);
  if (!power.blind_to.empty()) {
    text += fmt::format("; blind to {}", fmt::join(power.blind_to, ", "));
  }
  return text;
}

void write_facts(Markup& page, const Result& result) {
  Facts facts(page);
  facts.add("Logits", drift_words(result.drift));
  const result::Drift& drift = result.drift;
  if (!std::isnan(drift.nmse) || !std::isnan(drift.kld) || !std::isnan(drift.cosine)) {
    facts.add("Not judged",
              fmt::format("NMSE {}, KLD {} nats, 1 − cosine {}", number_text(drift.nmse),
                          number_text(drift.kld), one_minus_text(drift.cosine)));
  }
  facts.add("Tokens", token_words(result.tokens));
  if (result.oracle) facts.add("Oracle", oracle_words(*result.oracle));
  if (result.power) facts.add("Power", power_words(*result.power));
  for (const std::string& note : result.notes) facts.add("Note", note);
}

void write_taps(Markup& page, const Result& result) {
  if (result.taps.empty()) return;
  const auto details = page.open("details", {{"class", "taps"}});
  page.put("summary", count_text(static_cast<int>(result.taps.size()), "tap"));
  const auto scroll = page.open("div", {{"class", "scroll"}, {"tabindex", "0"}});
  const auto table = page.open("table");
  write_table_head(page, {"tap", "#whole forward", "#step alone", "#max |Δ|", "#max relative",
                          "#RMS", "#NMSE", "#1 − cosine"});
  const auto body = page.open("tbody");
  for (const result::TapRow& row : result.taps) {
    const auto tr = page.open("tr");
    page.put("td", row.tap);
    write_ratio_cell(page, row.floor_ratio, kGlobalRange.limit);
    write_ratio_cell(page, row.local_ratio, kLocalRange.limit);
    write_number_cell(page, row.max_abs);
    write_number_cell(page, row.max_rel);
    write_number_cell(page, row.rms);
    write_number_cell(page, row.nmse);
    page.put("td", {{"class", "n"}}, one_minus_text(row.cosine));
  }
}

void write_candidate(Markup& page, const Result& result) {
  const auto article =
      page.open("article", {{"class", "card " + std::string(look(result.verdict).style)}});
  {
    const auto heading = page.open("h3");
    page.text(result.candidate.name + " ");
    write_verdict(page, result.verdict);
  }
  std::string made_by = result.candidate.dtype;
  if (!result.candidate.producer.empty()) made_by += ", by " + result.candidate.producer;
  if (!result.candidate.contract.empty()) {
    made_by += ", held to the contract " + result.candidate.contract;
  }
  page.put("p", {{"class", "quiet"}}, made_by);
  write_reasons(page, result);
  write_cause(page, result);
  write_facts(page, result);
  if (result.state) write_state(page, *result.state);
  write_taps(page, result);
}

}  // namespace

void write_case(Markup& page, const CaseGroup& group, const CaseLinks& links) {
  const bool settled = group.verdict == Verdict::kPassed || group.verdict == Verdict::kSkipped;
  const auto details = page.open("details", {{"class", "case"},
                                             {"id", links.id(group.family, group.case_name)},
                                             {"open", settled ? "" : "open"}});
  write_summary(page, group);
  if (can_draw_drift(group.results)) draw_drift(page, group.results);
  const auto cards = page.open("div", {{"class", "cards candidates"}});
  for (const Result* result : group.results) write_candidate(page, *result);
}

}  // namespace plumb::reports
