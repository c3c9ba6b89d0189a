#include "reports/markup.h"

#include <gtest/gtest.h>

#include "base/errors.h"
#include "tests/reports/well_formed.h"

namespace plumb::reports {
namespace {

TEST(Markup, ClosesAndEscapes) {
  Markup page;
  {
    const auto list = page.open("ul", {{"class", "a\"b<c"}, {"id", ""}});
    page.put("li", "x < y & \"z\"");
    page.leaf("hr");
  }
  EXPECT_EQ(page.str(),
            "<ul class=\"a&quot;b&lt;c\">\n"
            "<li>x &lt; y &amp; &quot;z&quot;</li>\n"
            "<hr/>\n"
            "</ul>");
  EXPECT_EQ(xml_error(page.str()), "");
}

TEST(Markup, KeepsInlineElementsInTheirLine) {
  Markup page;
  {
    const auto paragraph = page.open("p");
    page.text("one ");
    page.put("b", "two");
  }
  EXPECT_EQ(page.str(), "<p>one <b>two</b></p>");
}

TEST(Markup, RefusesToBeReadWhileOpen) {
  Markup page;
  const auto open = page.open("p");
  EXPECT_THROW(page.str(), base::InternalError);
}

TEST(WellFormed, NoticesWhatIsNot) {
  EXPECT_NE(xml_error("<a><b></a></b>"), "");
  EXPECT_NE(xml_error("<a>&nbsp;</a>"), "");
  EXPECT_NE(xml_error("<a>\x01</a>"), "");
  EXPECT_NE(xml_error("<a>\xff</a>"), "");
}

}  // namespace
}  // namespace plumb::reports
