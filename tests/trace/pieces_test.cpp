#include "trace/pieces.h"

#include <gtest/gtest.h>

namespace plumb::trace {
namespace {

using Pieces = std::vector<size_t>;

TEST(Pieces, ReadAsTheyAreWritten) {
  EXPECT_EQ(parse_pieces("7+1x3"), (Pieces{7, 1, 1, 1}));
  EXPECT_EQ(parse_pieces("10x2"), (Pieces{10, 10}));
  EXPECT_EQ(parse_pieces("5"), Pieces{5});
  EXPECT_EQ(to_text(Pieces{7, 1, 1, 1}), "7+1x3");
  EXPECT_EQ(to_text(Pieces{10, 10}), "10x2");
  EXPECT_EQ(to_text(Pieces{2, 3, 2}), "2+3+2");
  for (const char* text : {"1", "3x4+5", "1x2+7+1x2"}) {
    EXPECT_EQ(to_text(*parse_pieces(text)), text);
  }
}

TEST(Pieces, RefuseWhatIsNoListOfSizes) {
  for (const char* text : {"", "+", "7+", "+7", "0", "7+0", "3x0", "x3", "3x", "7 +1", "-1", "1.5",
                           "7+1x", "99999999999999999999", "1x9999999999", "1x2x3"}) {
    EXPECT_FALSE(parse_pieces(text)) << text;
  }
}

TEST(Pieces, CoverTheWhole) {
  EXPECT_EQ(pieces_of(7, 3), (Pieces{3, 3, 1}));
  EXPECT_EQ(pieces_of(6, 3), (Pieces{3, 3}));
  EXPECT_EQ(pieces_of(2, 5), Pieces{2});
  const Pieces pieces = {3, 1, 2};
  const Pieces at = {0, 0, 0, 1, 2, 2};
  for (size_t t = 0; t < at.size(); ++t) EXPECT_EQ(piece_at(pieces, t), at[t]) << t;
}

TEST(JoiningSink, JoinsAlongThePosition) {
  const Tap tap{TapId::kLogits, -1};
  JoiningSink joining;
  joining.put(tap, {.shape = {1, 2}, .values = {1, 2}});
  joining.put(tap, {.shape = {2, 2}, .values = {3, 4, 5, 6}});
  MemoryRecording joined;
  joining.hand_on(joined);
  EXPECT_EQ(joined.at(tap).shape, (std::vector<size_t>{3, 2}));
  EXPECT_EQ(joined.at(tap).values, (std::vector<double>{1, 2, 3, 4, 5, 6}));
}

}  // namespace
}  // namespace plumb::trace
