#include "model/config_reader.h"

#include <gtest/gtest.h>

#include "tests/support/refusal.h"

namespace plumb::model {
namespace {

using base::Json;
using tests::refusal;

const Json kConfig = Json::parse(R"({
  "whole": 7, "negative": -7, "real": 2.5, "whole_real": 4.0, "exponent": 1e3, "text": "7",
  "flag": true, "nothing": null, "list": [1, 2], "texts": ["a", "b"], "dict": {"inner": 1, "other": 2},
  "huge": 18446744073709551615, "tiny": 1e-300, "vast": 1e300, "zero": 0})");

TEST(ConfigReader, GivesValuesAndFallbacks) {
  ConfigReader config(kConfig, "f");
  EXPECT_EQ(config.integer("whole", 1, 0, 10), 7);
  EXPECT_EQ(config.integer("absent", 1, 0, 10), 1);
  EXPECT_EQ(config.integer("nothing", 1, 0, 10, Null::kMeansAbsent), 1);
  EXPECT_EQ(config.number("real", 1.0), 2.5);
  EXPECT_EQ(config.number("whole", 1.0), 7.0);
  EXPECT_EQ(config.number("exponent", 1.0), 1000.0);
  EXPECT_EQ(config.positive("absent", 0.0), 0.0);  // a fallback is not judged
  EXPECT_TRUE(config.flag("flag", false));
  EXPECT_FALSE(config.flag("absent", false));
  EXPECT_EQ(config.text("text", ""), "7");
  EXPECT_EQ(config.numbers("list"), (std::vector<double>{1, 2}));
  EXPECT_EQ(config.texts("texts"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(config.object("dict").integer("inner", 0, 0, 10), 1);
  EXPECT_TRUE(config.present("nothing"));
  EXPECT_FALSE(config.has("nothing"));
  EXPECT_FALSE(config.present("absent"));
}

// Every reader given every value of another type names the key.
TEST(ConfigReader, RefusesOtherTypes) {
  ConfigReader config(kConfig, "f");
  const auto refuses = [&](const char* key, auto&& read) {
    const std::string line = refusal([&] { read(key); });
    EXPECT_TRUE(line.starts_with(std::string("f: ") + key + ": "))
        << key << " gives '" << line << "'";
  };
  const auto integer = [&](const char* key) { config.integer(key, 1, -100, 100); };
  for (const char* key :
       {"real", "whole_real", "exponent", "text", "flag", "nothing", "list", "dict", "huge"}) {
    refuses(key, integer);
  }
  const auto number = [&](const char* key) { config.number(key, 1); };
  for (const char* key : {"text", "flag", "nothing", "list", "dict"}) refuses(key, number);
  const auto positive = [&](const char* key) { config.positive(key, 1); };
  for (const char* key : {"text", "nothing", "zero", "negative", "tiny", "vast"}) {
    refuses(key, positive);
  }
  const auto flag = [&](const char* key) { config.flag(key, true); };
  for (const char* key : {"whole", "zero", "text", "nothing", "list"}) refuses(key, flag);
  const auto text = [&](const char* key) { config.text(key, ""); };
  for (const char* key : {"whole", "flag", "nothing", "list"}) refuses(key, text);
  const auto numbers = [&](const char* key) { config.numbers(key); };
  for (const char* key : {"whole", "texts", "dict", "nothing", "absent"}) refuses(key, numbers);
  const auto texts = [&](const char* key) { config.texts(key); };
  for (const char* key : {"text", "list", "dict", "nothing", "absent"}) refuses(key, texts);
  const auto object = [&](const char* key) { config.object(key); };
  for (const char* key : {"text", "list", "nothing", "absent"}) refuses(key, object);
}

TEST(ConfigReader, RefusesValuesOutOfRange) {
  ConfigReader config(kConfig, "f");
  EXPECT_EQ(config.integer("whole", 1, 7, 7), 7);
  EXPECT_NE(refusal([&] { config.integer("whole", 1, 8, 9); }).find("8..9"), std::string::npos);
  EXPECT_NE(refusal([&] { config.integer("whole", 1, 1, 6); }), "");
  EXPECT_NE(refusal([&] { config.integer("huge", 1, INT64_MIN, INT64_MAX); }), "");
}

TEST(ConfigReader, RefusesWhatIsNoObject) {
  for (const char* text : {"[]", "7", "null", "\"x\""}) {
    const Json json = Json::parse(text);
    EXPECT_NE(refusal([&] { ConfigReader(json, "f"); }), "") << text;
  }
}

TEST(ConfigReader, NamesTheFirstKeyThatNobodyRead) {
  const Json json = Json::parse(R"({"read": 1, "inert": 2, "usual": false, "unknown": 3})");
  const InertKey generic[] = {{"inert"}};
  const InertKey family[] = {{"usual", "false|null"}};
  ConfigReader config(json, "f");
  config.touch("read");
  EXPECT_TRUE(refusal([&] { config.finish(generic, family); }).starts_with("f: unknown: "));
  config.touch("unknown");
  EXPECT_EQ(refusal([&] { config.finish(generic, family); }), "");
  EXPECT_TRUE(refusal([&] { config.finish({}, family); }).starts_with("f: inert: "));
}

TEST(ConfigReader, RefusesAnInertKeyWithAnotherValue) {
  const InertKey rows[] = {{"usual", "false|null"}};
  const auto finish = [&](const char* text) {
    const Json json = Json::parse(text);
    return refusal([&] { ConfigReader(json, "f").finish({}, rows); });
  };
  EXPECT_EQ(finish(R"({"usual": false})"), "");
  EXPECT_EQ(finish(R"({"usual": null})"), "");
  for (const char* text : {R"({"usual": true})", R"({"usual": 0})", R"({"usual": "false"})",
                           R"({"usual": "false|null"})"}) {
    EXPECT_NE(finish(text).find("changes the model"), std::string::npos) << text;
  }
}

TEST(ConfigReader, LetsAllowedKeysPassByTheirPath) {
  const Json json = Json::parse(R"({"a": 1, "dict": {"b": 2, "c": 3}})");
  Allowance allowance{.keys = {"a", "dict.b", "c", "never"}, .foreign = Foreign::kNone};
  ConfigReader config(json, "f", &allowance);
  config.object("dict").finish({}, {});
  config.finish({}, {});
  EXPECT_EQ(allowance.used, (std::vector<std::string>{"dict.b", "a"}));
  ASSERT_EQ(allowance.problems.size(), 1U);
  EXPECT_EQ(allowance.problems[0].key(), "dict.c");
}

TEST(ConfigReader, PassesForeignKeysAsFarAsItIsTold) {
  const Json json = Json::parse(R"({"unheard_of": 1, "alibi": false, "use_parallel_residual": true,
                                    "clip_qkv": 3.0, "resid_dropout": 0.5})");
  const auto outcome = [&](Foreign foreign) {
    Allowance allowance{.foreign = foreign};
    ConfigReader(json, "f", &allowance).finish({}, {});
    std::vector<std::string> problems;
    for (const Problem& one : allowance.problems) problems.push_back(one.key());
    return std::pair(problems, allowance.unread);
  };
  using Names = std::vector<std::string>;
  using Set = std::set<std::string>;
  EXPECT_EQ(outcome(Foreign::kAny), std::pair(Names{"clip_qkv", "use_parallel_residual"},
                                              Set({"alibi", "resid_dropout", "unheard_of"})));
  EXPECT_EQ(outcome(Foreign::kNeutral),
            std::pair(Names{"clip_qkv", "unheard_of", "use_parallel_residual"},
                      Set({"alibi", "resid_dropout"})));
  EXPECT_EQ(outcome(Foreign::kNone).first.size(), 5U);
}

}  // namespace
}  // namespace plumb::model
