// What engines outside are asked, and how commands are split.
#include <gtest/gtest.h>

#include "base/files.h"
#include "candidates/outside/open.h"
#include "candidates/outside/words.h"
#include "candidates/server/vocabulary.h"
#include "tests/support/refusal.h"

namespace plumb::candidates::testing {
namespace {

using tests::refusal;
using Words = std::vector<std::string>;

TEST(Words, AreSplitAsByAShell) {
  EXPECT_EQ(split_words("engine --fast  -n\t3", "x"), (Words{"engine", "--fast", "-n", "3"}));
  EXPECT_EQ(split_words(R"(a 'b c' "d e" f\ g h'i'"j")", "x"),
            (Words{"a", "b c", "d e", "f g", "hij"}));
  EXPECT_EQ(split_words(R"(a '' "" 'x\y' "x\y" "x\"y" "\$HOME" $HOME ~ *)", "x"),
            (Words{"a", "", "", R"(x\y)", R"(x\y)", "x\"y", "$HOME", "$HOME", "~", "*"}));
}

TEST(Words, ThatAreNoneAreRefused) {
  for (const char* command : {"", "   ", "''", "a 'b", "a \"b", "a \\"}) {
    EXPECT_NE(refusal([&] { split_words(command, "exec:x"); }).find("exec:x"), std::string::npos)
        << command;
  }
}

TEST(Request, IsReadAsItIsWritten) {
  const Request request{.checkpoint = "/models/x",
                        .threads = 3,
                        .dtype = base::DType::kBF16,
                        .taps = {"logits", "layer.*.out"},
                        .greedy = 5,
                        .prompts = {{"p0", {3, 4}}, {"p1", {5}}},
                        .runs = {"p0", "p0@1x2", "p1"}};
  const base::TemporaryFolder folder;
  base::write_file(folder.path() / "r", to_json(request).dump());
  const Request read = read_request(folder.path() / "r");
  EXPECT_EQ(to_json(read), to_json(request));
  EXPECT_EQ(read.dtype, base::DType::kBF16);
  EXPECT_EQ(read.prompts[1].tokens, std::vector<int64_t>{5});
  base::write_file(folder.path() / "r", R"({"schema": "plumbline.request/1", "checkpoint": 7})");
  EXPECT_NE(refusal([&] { read_request(folder.path() / "r"); }).find("checkpoint"),
            std::string::npos);
}

TEST(Outside, IsToldByItsForm) {
  const OutsideOptions options;
  EXPECT_EQ(make_outside("cpu-f32", options), nullptr);
  EXPECT_EQ(make_outside("trace:exec:x.h5", options), nullptr);
  for (const char* text : {"exec:engine", "py:engine", "http://host:1", "https://host"}) {
    EXPECT_NE(make_outside(text, options), nullptr) << text;
  }
  EXPECT_NE(refusal([&] { make_outside("plugin:absent.so", options); }).find("absent.so"),
            std::string::npos);
}

class VocabularyTest : public ::testing::Test {
 protected:
  Vocabulary read(const char* json) {
    base::write_file(folder_.path() / "tokenizer.json", json);
    return Vocabulary(folder_.path());
  }
  base::TemporaryFolder folder_;
};

TEST_F(VocabularyTest, OfWordsIsPartedByBlanks) {
  const Vocabulary words = read(R"({"model": {"type": "WordLevel", "vocab": {"a": 0, "b": 7}}})");
  EXPECT_EQ(words.id_of("b"), 7);
  EXPECT_EQ(words.id_of("token_id:12"), 12);
  EXPECT_EQ(words.id_of("c"), std::nullopt);
  const std::vector<int64_t> known = {7, 0};
  const std::vector<int64_t> unknown = {7, 1};
  EXPECT_EQ(words.text_of(known), "b a");
  EXPECT_EQ(words.text_of(unknown), std::nullopt);
}

TEST_F(VocabularyTest, OfBytesIsDecoded) {
  const Vocabulary bytes = read(
      R"({"model": {"type": "BPE", "vocab": {"\u0120the": 5, "\u00c3\u00a9": 6, "x": 8, "y": 9}},
          "decoder": {"type": "ByteLevel"}})");
  EXPECT_EQ(bytes.id_of(" the"), 5);
  EXPECT_EQ(bytes.id_of("\u00e9"), 6);
}

TEST_F(VocabularyTest, WithTwoTokensOfOneTextDoesNotGuess) {
  const Vocabulary pieces =
      read(R"({"model": {"type": "Unigram", "vocab": {"\u2581a": 1, " a": 2, "b": 3}}})");
  EXPECT_EQ(pieces.id_of(" a"), std::nullopt);
  EXPECT_EQ(pieces.id_of("b"), 3);
}

}  // namespace
}  // namespace plumb::candidates::testing
