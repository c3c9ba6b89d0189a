#include "base/errors.h"

#include <gtest/gtest.h>

namespace plumb::base {
namespace {

TEST(OneLine, KeepsPlainTextAndUtf8) {
  EXPECT_EQ(one_line("model.layers.0", 100), "model.layers.0");
  EXPECT_EQ(one_line("Größe \xe2\x82\xac \xf0\x9f\x98\x80", 100),
            "Größe \xe2\x82\xac \xf0\x9f\x98\x80");
}

TEST(OneLine, ReplacesWhatBreaksALine) {
  EXPECT_EQ(one_line("a\nb\rc\td\x7f", 100), "a?b?c?d?");
  EXPECT_EQ(one_line(std::string_view("a\0b", 3), 100), "a?b");
  EXPECT_EQ(one_line("\x1b[31mred", 100), "?[31mred");
  EXPECT_EQ(one_line("next\xc2\x85line", 100), "next??line");                 // U+0085
  EXPECT_EQ(one_line("line\xe2\x80\xa8separator", 100), "line???separator");  // U+2028
}

TEST(OneLine, ReplacesWhatIsNoUtf8) {
  EXPECT_EQ(one_line("\xff\xfe", 100), "??");
  EXPECT_EQ(one_line("cut \xe2\x82", 100), "cut ??");
  EXPECT_EQ(one_line("overlong \xc0\xaf", 100), "overlong ??");
  EXPECT_EQ(one_line("overlong \xe0\x80\xaf", 100), "overlong ???");
  EXPECT_EQ(one_line("surrogate \xed\xa0\x80", 100), "surrogate ???");
  EXPECT_EQ(one_line("beyond \xf4\x90\x80\x80", 100), "beyond ????");
}

TEST(OneLine, CutsBetweenCharacters) {
  EXPECT_EQ(one_line("abcdef", 3), "abc...");
  EXPECT_EQ(one_line("ab\xe2\x82\xac", 4), "ab...");
  EXPECT_EQ(one_line("ab\xe2\x82\xac", 5), "ab\xe2\x82\xac");
}

TEST(InputError, NamesPlaceItemProblemAndMend) {
  EXPECT_STREQ(InputError("config.json", "head_dim", "is 0", "write 1").what(),
               "config.json: head_dim: is 0; write 1");
  EXPECT_STREQ(InputError("", "", "is 0").what(), "is 0");
  EXPECT_STREQ(InputError("a\nb", "c\nd", "e\nf", "g\nh").what(), "a?b: c?d: e?f; g?h");
}

TEST(InputError, IsNotFloodedByHostileNames) {
  const std::string long_name(100'000, 'x');
  EXPECT_LT(std::string(InputError(long_name, long_name, long_name, long_name).what()).size(),
            6300U);
}

}  // namespace
}  // namespace plumb::base
