#include "base/json.h"

#include <gtest/gtest.h>

#include <chrono>

#include "base/errors.h"
#include "base/files.h"
#include "tests/support/files.h"
#include "tests/support/refusal.h"

namespace plumb::base {
namespace {

using tests::refusal;

std::string nested(int depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

TEST(Json, ParsesWhatIsValid) {
  EXPECT_EQ(parse_json(R"({"a": [1, 2.5, "x", null, true], "b": {"a": {}}})", "f").dump(),
            R"({"a":[1,2.5,"x",null,true],"b":{"a":{}}})");
  EXPECT_EQ(parse_json(nested(32), "f").dump(), nested(32));
  // The same key in different objects is no duplicate.
  EXPECT_NO_THROW(parse_json(R"([{"a": 1}, {"a": 1}, {"b": {"a": 1}, "a": 1}])", "f"));
}

TEST(Json, RefusesWhatIsNot) {
  const char* const invalid[] = {
      "",         " ",           "{",          "{}{}",        "{} x",     "{\"a\": 1,}",
      "[1, 2",    "NaN",         "[Infinity]", "[-Infinity]", "{'a': 1}", "{a: 1}",
      "// x\n{}", "[01]",        "[1.]",       "[.5]",        "[+1]",     "[0x10]",
      "\"\xff\"", "\"\\ud800\"", "\"a\nb\"",   "[1e999]",     "[-1e999]", "tru",
  };
  for (const char* text : invalid) {
    EXPECT_TRUE(refusal([&] { parse_json(text, "the file"); }).starts_with("the file: ")) << text;
  }
  EXPECT_NE(refusal([] { parse_json(std::string_view("[\0]", 3), "f"); }), "");
}

TEST(Json, NamesADuplicateKeyAtAnyDepth) {
  EXPECT_TRUE(
      refusal([] { parse_json(R"({"a": 1, "b": 2, "a": 1})", "f"); }).starts_with("f: a: "));
  EXPECT_TRUE(
      refusal([] { parse_json(R"([{"x": {"b": 1, "b": 1}}])", "f"); }).starts_with("f: b: "));
  // Escapes are read before keys are compared.
  EXPECT_NE(refusal([] { parse_json(R"({"a": 1, "\u0061": 1})", "f"); }), "");
}

TEST(Json, RefusesDeepNesting) {
  EXPECT_NE(refusal([] { parse_json(nested(33), "f"); }), "");
  EXPECT_NE(refusal([] { parse_json(std::string(1'000'000, '['), "f"); }), "");
}

TEST(Json, RefusesMoreValuesThanAnybodyMeans) {
  std::string many = "[";
  for (int i = 0; i < 1'000'000; ++i) many += "{},";
  EXPECT_NE(refusal([&] { parse_json(many + "{}]", "f"); }), "");
}

// The header of a checkpoint with a hundred thousand tensors is parsed in linear time.
TEST(Json, ParsesManyObjectsQuickly) {
  std::string many = "{";
  for (int i = 0; i < 100'000; ++i) many += "\"" + std::to_string(i) + "\": {\"a\": [1]},";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(parse_json(many + "\"last\": 0}", "f").size(), 100'001U);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST(Json, RefusesALargeFileUnread) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "large.json";
  tests::write_text(file, "{}");
  EXPECT_NO_THROW(read_json_file(file));
  std::filesystem::resize_file(file, kConfigLimits.bytes + 1);
  EXPECT_TRUE(refusal([&] { read_json_file(file); }).starts_with(file.string()));
}

}  // namespace
}  // namespace plumb::base
