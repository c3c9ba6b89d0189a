#include "reports/text.h"

#include <gtest/gtest.h>

#include <limits>

namespace plumb::reports {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

TEST(NumberText, HasTwoOrThreeDigits) {
  EXPECT_EQ(number_text(0.95), "0.950");
  EXPECT_EQ(number_text(1.35), "1.35");
  EXPECT_EQ(number_text(37.24), "37.2");
  EXPECT_EQ(number_text(812.4), "812");
  EXPECT_EQ(number_text(1.1e-5), "1.1e−5");
  EXPECT_EQ(number_text(51234.0), "5.1e4");
  EXPECT_EQ(number_text(-0.5), "−0.500");
}

TEST(NumberText, RoundsBeforeItChoosesTheForm) {
  EXPECT_EQ(number_text(0.99999), "1.00");
  EXPECT_EQ(number_text(999.7), "1000");
  EXPECT_EQ(number_text(9999.9), "1.0e4");
  EXPECT_EQ(number_text(0.00099999), "0.00100");
}

TEST(NumberText, NeverSaysNan) {
  EXPECT_EQ(number_text(kNaN), "–");
  EXPECT_EQ(number_text(kInfinite), "∞");
  EXPECT_EQ(number_text(-kInfinite), "−∞");
  EXPECT_EQ(number_text(0.0), "0");
  EXPECT_EQ(number_text(-0.0), "0");
  EXPECT_EQ(number_text(kNaN, kAsciiWords), "-");
  EXPECT_EQ(number_text(-kInfinite, kAsciiWords), "-inf");
  EXPECT_EQ(number_text(1.1e-5, kAsciiWords), "1.1e-5");
  EXPECT_EQ(times_text(kNaN), "–");
  EXPECT_EQ(percent_text(kNaN), "–");
  EXPECT_EQ(percent_text(0.99981), "99.98 %");
}

TEST(Clean, KeepsUtf8AndDropsWhatCommandsATerminal) {
  EXPECT_EQ(clean("qwen3-tiny"), "qwen3-tiny");
  EXPECT_EQ(clean("grüße, 数"), "grüße, 数");
  EXPECT_EQ(clean("two\nlines\tand\r"), "two lines and ");
  EXPECT_EQ(clean("\x1b[31mred\x7f"), "[31mred");
  EXPECT_EQ(clean("c1:\xC2\x9B end"), "c1: end");
  EXPECT_EQ(clean("no\xEF\xBF\xBE\xEF\xBF\xBF!"), "no!");
  EXPECT_EQ(clean("bad\xff!"), "bad\xEF\xBF\xBD!");
  EXPECT_EQ(clean(std::string_view("nul\0!", 5)), "nul!");
}

TEST(EscapeMarkdown, DisarmsTablesEmphasisAndHtml) {
  EXPECT_EQ(escape_markdown("a|b"), "a\\|b");
  EXPECT_EQ(escape_markdown("<b> & *x* `y` [z]"), "\\<b\\> \\& \\*x\\* \\`y\\` \\[z\\]");
  EXPECT_EQ(escape_markdown("layer.2.q_rope"), "layer.2.q_rope");
  EXPECT_EQ(escape_markdown("_x_ a__b"), "\\_x\\_ a\\_\\_b");
  EXPECT_EQ(escape_markdown("two\nlines"), "two lines");
}

}  // namespace
}  // namespace plumb::reports
