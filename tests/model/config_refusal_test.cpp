// Configs that must be refused: every key of every family with every value that cannot be meant.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "fixtures/presets.h"
#include "graph/builder.h"
#include "graph/printer.h"
#include "model/model.h"
#include "tests/support/files.h"
#include "tests/support/model.h"
#include "tests/support/refusal.h"

namespace plumb::model {
namespace {

using base::Json;

// Reads the config and builds its graph, so that nothing that is let pass breaks further down.
std::string refusal_of(const Json& config) {
  return tests::refusal(
      [&] { graph::to_text(graph::build(read_config(config, "config.json").spec)); });
}

Json tiny(std::string_view family) {
  return fixtures::preset_config(family, "tiny");
}

bool slides(std::string_view family) {
  return tiny(family).contains("sliding_window");
}

// Families whose keys the table below knows one by one.
bool in_table(std::string_view family) {
  constexpr std::string_view kFamilies[] = {"llama",  "qwen2",       "qwen3",  "gemma",
                                            "gemma2", "gemma3_text", "mixtral"};
  return std::find(std::begin(kFamilies), std::end(kFamilies), family) != std::end(kFamilies);
}

bool is_inert(const Family& family, const std::string& key) {
  const auto lists = [&](std::span<const InertKey> rows) {
    return std::any_of(rows.begin(), rows.end(),
                       [&](const InertKey& row) { return row.key == key; });
  };
  return lists(generic_inert_keys()) || lists(family.inert);
}

// A key and the values, as JSON, that are no mistake in it.
struct Key {
  std::string name;
  std::set<std::string> valid = {};
};

std::vector<Key> numeric_keys(std::string_view family) {
  const std::set<std::string> reals = {"2147483648", "1.5"};
  std::vector<Key> keys = {
      {"vocab_size"},
      {"hidden_size"},
      {"intermediate_size"},
      {"num_hidden_layers"},
      {"num_attention_heads"},
      {"num_key_value_heads", {"null"}},
      {"max_position_embeddings", {"2147483648"}},
      {"rms_norm_eps", reals},
  };
  keys.push_back(family == "gemma3_text" ? Key{"rope_local_base_freq", reals}
                                         : Key{"rope_theta", reals});
  const bool null_head_dim = family == "llama" || family == "mixtral" || family == "qwen2";
  keys.push_back(
      {"head_dim", null_head_dim ? std::set<std::string>{"null"} : std::set<std::string>{}});
  if (slides(family)) {
    keys.push_back({"sliding_window"});
    keys.push_back({"query_pre_attn_scalar", reals});
    keys.push_back({"final_logit_softcapping", {"2147483648", "1.5", "null"}});
  }
  if (family == "gemma3_text") keys.push_back({"sliding_window_pattern"});
  if (family == "mixtral") {
    keys.push_back({"sliding_window", {"null"}});
    keys.push_back({"num_local_experts"});
    keys.push_back({"num_experts_per_tok"});
  }
  if (family == "qwen2" || family == "qwen3") {
    keys.push_back({"sliding_window", {"null"}});
    keys.push_back({"max_window_layers", {"0"}});
  }
  return keys;
}

constexpr const char* kNumericMistakes[] = {
    "0",
    "-1",
    "1e30",
    "2147483648",
    "9223372036854775808",
    "-9223372036854775808",
    "1.5",
    "\"7\"",
    "true",
    "null",
    "[]",
    "{}",
    "[7]",
    "1e-300",
};

TEST(ConfigRefusal, EveryNumberThatCannotBeMeant) {
  for (const Family* family : families()) {
    if (!in_table(family->model_type)) continue;
    for (const Key& key : numeric_keys(family->model_type)) {
      for (const char* value : kNumericMistakes) {
        if (key.valid.contains(value)) continue;
        Json config = tiny(family->model_type);
        config[key.name] = Json::parse(value);
        const std::string line = refusal_of(config);
        // A window that is null leaves layer_types without one.
        const bool named = line.find(key.name) != std::string::npos ||
                           (key.name == "sliding_window" && line.find("layer_types") != line.npos);
        EXPECT_TRUE(named) << family->model_type << " " << key.name << " = " << value << ": "
                           << line;
      }
    }
  }
}

TEST(ConfigRefusal, EveryNumberOfEveryFamilyThatIsNone) {
  constexpr const char* kNoNumbers[] = {
      "-1", "1e30", "9223372036854775808", "\"7\"", "true", "[]", "{}", "[7]", "1e-300"};
  int keys = 0;
  for (const Family* family : families()) {
    const Json config = tiny(family->model_type);
    for (const auto& [key, value] : config.items()) {
      if (!value.is_number() || is_inert(*family, key)) continue;
      ++keys;
      for (const char* mistake : kNoNumbers) {
        Json wrong = config;
        wrong[key] = Json::parse(mistake);
        EXPECT_NE(refusal_of(wrong).find(key), std::string::npos)
            << family->model_type << " " << key << " = " << mistake << ": " << refusal_of(wrong);
      }
    }
  }
  EXPECT_GT(keys, 6 * static_cast<int>(families().size()));
}

TEST(ConfigRefusal, NothingOfTheTinyPresets) {
  for (const Family* family : families()) {
    EXPECT_EQ(refusal_of(tiny(family->model_type)), "") << family->model_type;
    if (!in_table(family->model_type)) continue;
    for (const Key& key : numeric_keys(family->model_type)) {
      for (const std::string& value : key.valid) {
        Json config = tiny(family->model_type);
        config[key.name] = Json::parse(value);
        EXPECT_EQ(refusal_of(config), "")
            << family->model_type << " " << key.name << " = " << value;
      }
    }
  }
}

// One change to the tiny config of a family, and what the refusal must name.
struct Row {
  const char* family;
  const char* changes;  // merged into the config; null takes a key out, as in RFC 7396
  const char* named;
};

constexpr Row kRows[] = {
    {"llama", R"({"model_type": "lama"})", "model_type"},
    {"llama", R"({"model_type": 7})", "model_type"},
    {"llama", R"({"model_type": null})", "model_type"},
    {"llama", R"({"model_type": ["llama"]})", "model_type"},
    {"llama", R"({"alibi": true})", "alibi"},
    {"llama", R"({"is_causal": false})", "is_causal"},
    {"llama", R"({"per_layer_config": {"1": {"num_attention_heads": 2}}})", "per_layer_config"},
    {"llama", R"({"attention_multiplier": 0.5})", "attention_multiplier"},
    {"llama", R"({"residual_multiplier": 0})", "residual_multiplier"},
    {"llama", R"({"scale_attn_weights": false})", "scale_attn_weights"},
    {"exaone", R"({"unheard_of": 1})", "unheard_of"},
    {"qwen3_5", R"({"text_config": {"rope_theta": 1e4, "clip_qkv": 2.0}})", "text_config.clip_qkv"},
    {"starcoder2", R"({"layer_norm_epsilon": 1e-6})", "layer_norm_epsilon"},
    {"llama", R"({"is_encoder_decoder": true})", "is_encoder_decoder"},
    {"llama", R"({"use_sliding_window": true})", "use_sliding_window"},
    {"llama", R"({"partial_rotary_factor": 0.5})", "partial_rotary_factor"},
    // Activations.
    {"llama", R"({"hidden_act": "sliu"})", "hidden_act"},
    {"llama", R"({"hidden_act": 7})", "hidden_act"},
    {"llama", R"({"hidden_act": ""})", "hidden_act"},
    {"gemma2", R"({"hidden_activation": "geglu"})", "hidden_activation"},
    {"mixtral", R"({"hidden_act": "tanh"})", "hidden_act"},
    // Flags.
    {"llama", R"({"attention_bias": "false"})", "attention_bias"},
    {"llama", R"({"mlp_bias": 0})", "mlp_bias"},
    {"llama", R"({"tie_word_embeddings": 1})", "tie_word_embeddings"},
    {"qwen2", R"({"use_sliding_window": "true"})", "use_sliding_window"},
    {"gemma", R"({"use_bidirectional_attention": true})", "use_bidirectional_attention"},
    // Heads.
    {"llama", R"({"num_attention_heads": 5})", "num_key_value_heads"},
    {"llama", R"({"num_key_value_heads": 3})", "num_key_value_heads"},
    {"llama", R"({"num_key_value_heads": 8})", "num_key_value_heads"},
    {"llama", R"({"head_dim": 15})", "head_dim"},
    {"llama", R"({"head_dim": 1})", "head_dim"},
    {"llama", R"({"head_dim": null, "num_attention_heads": 10})", "num_attention_heads"},
    {"llama", R"({"head_dim": null, "num_attention_heads": 64})", "num_attention_heads"},
    {"llama", R"({"head_dim": 1048576})", "head_dim"},
    {"llama", R"({"num_attention_heads": 65536, "head_dim": 64})", "head_dim"},
    // Layers.
    {"gemma2", R"({"layer_types": ["full_attention"]})", "layer_types"},
    {"gemma2", R"({"layer_types": []})", "layer_types"},
    {"gemma2", R"({"layer_types": "full_attention"})", "layer_types"},
    {"gemma2", R"({"layer_types": [1, 2, 3, 4]})", "layer_types"},
    {"gemma2",
     R"({"layer_types": ["full_attention", "full_attention", "full_attention", "mamba"]})",
     "layer_types"},
    {"qwen3", R"({"layer_types": ["full_attention", "full_attention", "full_attention",
                  "sliding_attention"]})",
     "layer_types"},
    {"gemma3_text", R"({"sliding_window_pattern": "LLG"})", "sliding_window_pattern"},
    // Experts.
    {"mixtral", R"({"num_experts_per_tok": 9})", "num_experts_per_tok"},
    {"mixtral", R"({"num_local_experts": 1})", "num_experts_per_tok"},
    {"mixtral", R"({"num_experts": 6})", "num_experts"},
    // Ropes.
    {"llama", R"({"rope_scaling": {"rope_type": "yarm", "factor": 2.0}})",
     "rope_scaling.rope_type"},
    {"llama", R"({"rope_scaling": {"type": "su", "factor": 2.0}})", "rope_scaling.type"},
    {"llama", R"({"rope_scaling": {"rope_type": 7, "factor": 2.0}})", "rope_scaling.rope_type"},
    {"llama", R"({"rope_scaling": {"rope_type": "", "factor": 2.0}})", "rope_scaling.rope_type"},
    {"llama", R"({"rope_scaling": {"rope_type": "linear"}})", "rope_scaling.factor"},
    {"llama", R"({"rope_scaling": {"rope_type": "linear", "factor": 0}})", "rope_scaling.factor"},
    {"llama", R"({"rope_scaling": {"rope_type": "linear", "factor": -2}})", "rope_scaling.factor"},
    {"llama", R"({"rope_scaling": {"rope_type": "linear", "factor": 1e30}})",
     "rope_scaling.factor"},
    {"llama", R"({"rope_scaling": {"rope_type": "linear", "factor": "2"}})", "rope_scaling.factor"},
    {"llama", R"({"rope_scaling": {"rope_type": "dynamic", "factor": [2]}})",
     "rope_scaling.factor"},
    {"llama", R"({"rope_scaling": {"rope_type": "dynamic"}})", "rope_scaling.factor"},
    {"llama", R"({"head_dim": 2, "rope_scaling": {"rope_type": "dynamic", "factor": 2.0}})",
     "rope_scaling.rope_type"},
    {"llama", R"({"rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0}})",
     "rope_scaling.high_freq_factor"},
    {"llama", R"({"rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 4.0,
                  "high_freq_factor": 4.0, "original_max_position_embeddings": 32}})",
     "rope_scaling.high_freq_factor"},
    {"llama", R"({"rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                  "high_freq_factor": 4.0, "original_max_position_embeddings": 0}})",
     "rope_scaling.original_max_position_embeddings"},
    {"llama", R"({"rope_scaling": {"rope_type": "linear", "factor": 2.0, "clip_qkv": 3.0}})",
     "rope_scaling.clip_qkv"},
    {"llama", R"({"rope_scaling": {"rope_type": "linear", "factor": 2.0, "rope_theta": 0}})",
     "rope_scaling.rope_theta"},
    {"llama", R"({"rope_scaling": {"rope_type": "default", "partial_rotary_factor": 0.5}})",
     "partial_rotary_factor"},
    {"llama", R"({"rope_scaling": "linear"})", "rope_scaling"},
    {"llama", R"({"rope_scaling": [1]})", "rope_scaling"},
    {"llama", R"({"rope_parameters": 7})", "rope_parameters"},
    {"llama", R"({"rope_parameters": {"full_attention": {"rope_theta": 1e4}}})",
     "rope_parameters.full_attention"},
    {"gemma3_text", R"({"rope_parameters": {"rope_theta": 1e4}})", "rope_parameters.rope_theta"},
    {"gemma3_text", R"({"rope_parameters": {"full_attention": 7}})",
     "rope_parameters.full_attention"},
    {"gemma3_text", R"({"rope_parameters": {"chunked_attention": {}}})",
     "rope_parameters.chunked_attention"},
    {"gemma3_text", R"({"rope_scaling": {"rope_type": "lin", "factor": 2}})",
     "rope_scaling.rope_type"},
};

TEST(ConfigRefusal, EveryMistakeByName) {
  for (const Row& row : kRows) {
    Json config = tiny(row.family);
    config.merge_patch(Json::parse(row.changes));
    const std::string line = refusal_of(config);
    EXPECT_NE(line.find(row.named), std::string::npos)
        << row.family << " " << row.changes << ": " << line;
    EXPECT_TRUE(line.starts_with("config.json: ")) << line;
    EXPECT_NE(line.find("; "), std::string::npos) << "says how to mend it: " << line;
  }
}

// What is let pass is let pass whole: a random change to a valid config gives a graph or a refusal.
TEST(ConfigRefusal, SurvivesRandomDamage) {
  int refused = 0;
  for (const Family* family : families()) {
    const std::string text = tiny(family->model_type).dump();
    for (uint64_t seed = 0; seed < 400; ++seed) {
      const std::string damaged = tests::mutate(text, seed, text.size());
      refused += tests::refusal([&] {
                   const Json config = base::parse_json(damaged, "config.json");
                   const ModelConfig model = read_config(config, "config.json");
                   if (model.spec.layers.size() < 100) graph::to_text(graph::build(model.spec));
                 }).empty()
                     ? 0
                     : 1;
    }
  }
  EXPECT_GT(refused, 200 * static_cast<int>(families().size()));
}

TEST(ConfigRefusal, OfAnUnknownFamilyListsTheKnownOnes) {
  const std::string line = refusal_of({{"model_type", "bert"}});
  for (const Family* family : families()) {
    EXPECT_NE(line.find(family->model_type), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace plumb::model
