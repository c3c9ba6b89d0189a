#include "trace/tap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "tests/support/files.h"

namespace plumb::trace {
namespace {

std::vector<Tap> some_taps() {
  std::vector<Tap> taps;
  for (const TapDefinition& tap : kTaps) {
    if (!tap.in_layer) {
      taps.push_back({tap.id, -1});
      continue;
    }
    for (const int layer : {0, 1, 9, 10, 123}) taps.push_back({tap.id, layer});
  }
  return taps;
}

TEST(Tap, TableIsInTheOrderOfItsIds) {
  for (size_t i = 0; i < kTaps.size(); ++i) EXPECT_EQ(kTaps[i].id, static_cast<TapId>(i));
  EXPECT_EQ(kTaps.back().id, TapId::kLogits);
}

TEST(Tap, IsDocumentedAsDefined) {
  const std::string page =
      tests::read_text(std::filesystem::path(PLUMB_ROOT) / "docs" / "formats.md");
  for (const TapDefinition& tap : kTaps) {
    const std::string stars = tap.coarse ? "**" : "";
    const std::string row = "| " + stars + "`" + std::string(tap.name) + "`" + stars + " | " +
                            std::string(tap.axes) + " | " + std::string(tap.meaning) + " |\n";
    EXPECT_NE(page.find(row), std::string::npos) << row;
  }
}

// The names are a contract with every engine that writes a trace.
TEST(Tap, HasTheNamesOfTheFormat) {
  std::set<std::string_view> names;
  for (const TapDefinition& tap : kTaps) names.insert(tap.name);
  const std::set<std::string_view> expected = {"embed",
                                               "mixer_in",
                                               "q",
                                               "k",
                                               "v",
                                               "q_norm",
                                               "k_norm",
                                               "q_rope",
                                               "k_rope",
                                               "attn",
                                               "attn_gated",
                                               "gdn_conv",
                                               "gdn_beta",
                                               "gdn_decay",
                                               "gdn_core",
                                               "gdn_norm",
                                               "mixer_out",
                                               "mid",
                                               "ffn_in",
                                               "ffn_gate",
                                               "ffn_up",
                                               "ffn_act",
                                               "router_logits",
                                               "router_ids",
                                               "router_weights",
                                               "state.k",
                                               "state.v",
                                               "state.latent",
                                               "state.latent_rope",
                                               "state.k_conv",
                                               "state.v_conv",
                                               "state.conv",
                                               "state.recurrent",
                                               "ffn_out",
                                               "out",
                                               "final_norm",
                                               "logits"};
  EXPECT_EQ(names, expected);
  EXPECT_EQ((Tap{TapId::kQRope, 3}).name(), "layer.3.q_rope");
  EXPECT_EQ((Tap{TapId::kLogits, -1}).name(), "logits");
}

TEST(Tap, NameIsReadBack) {
  for (const Tap& tap : some_taps()) EXPECT_EQ(parse_tap(tap.name()), tap) << tap.name();
}

TEST(Tap, OtherNamesAreNone) {
  for (const char* name : {"",
                           "logit",
                           "logits ",
                           "Logits",
                           "out",
                           "layer",
                           "layer.",
                           "layer.0",
                           "layer.0.",
                           "layer..out",
                           "layer.-1.out",
                           "layer.+1.out",
                           "layer.01.out",
                           "layer.1 .out",
                           "layer.x.out",
                           "layer.0.logits",
                           "layer.0.out.x",
                           "layer.99999999999.out",
                           "layer.0.state",
                           "layer.0.state.q"}) {
    EXPECT_EQ(parse_tap(name), std::nullopt) << name;
  }
}

TEST(Tap, SortsAsAForwardProducesThem) {
  std::vector<Tap> taps = some_taps();
  std::sort(taps.begin(), taps.end());
  EXPECT_EQ(taps.front().name(), "embed");
  EXPECT_EQ(taps[taps.size() - 2].name(), "final_norm");
  EXPECT_EQ(taps.back().name(), "logits");
  const auto at = [&](const char* name) {
    return std::find(taps.begin(), taps.end(), *parse_tap(name)) - taps.begin();
  };
  EXPECT_LT(at("layer.1.out"), at("layer.9.mixer_in"));
  EXPECT_LT(at("layer.9.out"), at("layer.10.mixer_in"));  // by number, not by text
  EXPECT_LT(at("layer.0.q"), at("layer.0.q_rope"));
}

TEST(TapFilter, MatchesKindsAndGlobs) {
  const Tap logits{TapId::kLogits, -1};
  const Tap out{TapId::kOut, 12};
  const Tap q{TapId::kQ, 1};
  EXPECT_TRUE(TapFilter("all").matches(q));
  EXPECT_TRUE(TapFilter("coarse").matches(out));
  EXPECT_FALSE(TapFilter("coarse").matches(q));
  EXPECT_FALSE(TapFilter("logits").matches(out));
  EXPECT_TRUE(TapFilter("layer.*.out").matches(out));
  EXPECT_FALSE(TapFilter("layer.?.out").matches(out));
  EXPECT_TRUE(TapFilter("layer.?.q,layer.12.*").matches(out));
  EXPECT_TRUE(TapFilter("layer.?.q,layer.12.*").matches(q));
  EXPECT_FALSE(TapFilter("").matches(q));
  for (const char* any : {"", "logits", "layer.1.q", "coarse"}) {
    EXPECT_TRUE(TapFilter(any).matches(logits)) << any;
  }
}

TEST(TapFilter, NamesThePatternThatMatchesNothing) {
  const std::vector<Tap> taps = some_taps();
  EXPECT_EQ(TapFilter("all,layer.0.*,logits").idle_pattern(taps), std::nullopt);
  EXPECT_EQ(TapFilter("layer.0.*,coarze").idle_pattern(taps), "coarze");
  EXPECT_EQ(TapFilter("layer.77.*").idle_pattern(taps), "layer.77.*");
}

}  // namespace
}  // namespace plumb::trace
