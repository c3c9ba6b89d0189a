#include "reports/html.h"

#include <gtest/gtest.h>

#include <set>

#include "reports/digest.h"
#include "tests/reports/demo.h"
#include "tests/reports/samples.h"
#include "tests/reports/well_formed.h"

namespace plumb::reports {
namespace {

std::string page_of(const std::vector<Result>& results) {
  return html_text(in_order(results), std::nullopt);
}

TEST(Html, IsWellFormedWhateverItHolds) {
  for (const auto& results : {all_passed(), mixed(), demo_results(), std::vector<Result>{}}) {
    const Comparison comparison = compare_with({"<before>", demo_baseline()}, results);
    EXPECT_EQ(xml_error(html_text(in_order(results), comparison)), "");
    EXPECT_EQ(xml_error(page_of(results)), "");
  }
}

TEST(Html, AsksForNothingFromElsewhere) {
  const std::string page = page_of(demo_results());
  EXPECT_EQ(page.find("@import"), std::string::npos);
  EXPECT_EQ(page.find("url("), std::string::npos);
  XmlContents contents = xml_contents(page);
  EXPECT_EQ(contents.attributes.count("src"), 0U);
  for (const std::string& href : contents.attributes["href"]) {
    EXPECT_TRUE(href.starts_with("#") || href.starts_with("data:")) << href;
  }
}

TEST(Html, EveryLinkLeadsToItsCase) {
  std::vector<Result> results = mixed();
  for (const char* name : {"a b", "a_b"}) {
    results.push_back(passed_result());
    results.back().case_name = name;
  }
  XmlContents contents = xml_contents(page_of(results));
  const std::set<std::string>& ids = contents.attributes["id"];
  for (const std::string& href : contents.attributes["href"]) {
    if (!href.starts_with("#")) continue;
    EXPECT_EQ(ids.count(href.substr(1)), 1U) << href;
  }
  EXPECT_EQ(ids.count("case-a_b"), 1U);
  EXPECT_EQ(ids.count("case-a_b~2"), 1U);
}

TEST(Html, OpensWhatDidNotPassAndNothingElse) {
  EXPECT_EQ(page_of(all_passed()).find("open=\"open\""), std::string::npos);
  EXPECT_NE(page_of({failed_result()}).find("open=\"open\""), std::string::npos);
  EXPECT_EQ(page_of(all_passed()).find("What did not pass"), std::string::npos);
}

TEST(Html, NeverShowsNan) {
  const std::string text = xml_contents(page_of(mixed())).text;
  std::string word;
  for (const char c : text + " ") {
    if (c >= 'a' && c <= 'z') {
      word += c;
      continue;
    }
    EXPECT_NE(word, "nan");
    EXPECT_NE(word, "inf");
    word.clear();
  }
  EXPECT_NE(text.find("∞"), std::string::npos);
}

TEST(Html, LetsNoNameBecomeMarkup) {
  const std::string page = page_of({hostile_result()});
  EXPECT_EQ(page.find("<script>alert"), std::string::npos);
  EXPECT_EQ(page.find("<b>\""), std::string::npos);
  EXPECT_EQ(page.find('\x1b'), std::string::npos);
}

TEST(Html, SaysWhatMoved) {
  const std::vector<Result> results = in_order(all_passed());
  const std::string still = html_text(results, compare_with({"b.json", results}, results));
  EXPECT_NE(still.find("Since b.json"), std::string::npos);
  EXPECT_NE(still.find("Nothing moved."), std::string::npos);
  const std::string moved = html_text(results, compare_with({"b.json", {}}, results));
  EXPECT_EQ(moved.find("Nothing moved"), std::string::npos);
}

TEST(Html, TellsAnEmptyRunFromAPassedOne) {
  const std::string text = xml_contents(page_of({})).text;
  EXPECT_NE(text.find("Nothing was judged"), std::string::npos);
  EXPECT_EQ(text.find("passed"), std::string::npos);
}

}  // namespace
}  // namespace plumb::reports
