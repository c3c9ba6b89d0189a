// What configs mean: class defaults, the two generations of keys, precedence, inert keys.
// The expected values come from transformers 5.23's config classes.
#include <gtest/gtest.h>

#include "base/errors.h"
#include "fixtures/presets.h"
#include "graph/builder.h"
#include "graph/printer.h"
#include "model/model.h"

namespace plumb::model {
namespace {

using base::Json;

ModelConfig read(const Json& config) {
  return read_config(config, "config.json");
}

Spec read_patched(std::string_view family, const char* changes) {
  Json config = fixtures::preset_config(family, "tiny");
  config.merge_patch(Json::parse(changes));
  return read(config).spec;
}

// The forward that the tiny config of a family with `changes` stands for.
std::string forward(std::string_view family, const char* changes) {
  return graph::to_text(graph::build(read_patched(family, changes)));
}

const AttentionSpec& attention(const Spec& spec, size_t layer) {
  return std::get<AttentionSpec>(spec.layers.at(layer).mixer);
}

std::vector<int> windows(const Spec& spec) {
  std::vector<int> all;
  for (size_t i = 0; i < spec.layers.size(); ++i) all.push_back(attention(spec, i).sliding_window);
  return all;
}

struct Defaults {
  const char* family;
  int vocab, hidden, intermediate, layers, heads, kv_heads, head_dim;
  int64_t positions;
  double eps;
  bool tied;
  double theta;  // of layer 0
  int window;    // of layer 0
  Activation activation;
};

constexpr Defaults kDefaults[] = {
    {"llama", 32000, 4096, 11008, 32, 32, 32, 128, 2048, 1e-6, false, 1e4, 0, Activation::kSilu},
    {"qwen2", 151936, 4096, 22016, 32, 32, 32, 128, 32768, 1e-6, false, 1e4, 0, Activation::kSilu},
    {"qwen3", 151936, 4096, 22016, 32, 32, 32, 128, 32768, 1e-6, false, 1e4, 0, Activation::kSilu},
    {"gemma", 256000, 3072, 24576, 28, 16, 16, 256, 8192, 1e-6, true, 1e4, 0,
     Activation::kGeluTanh},
    {"gemma2", 256000, 2304, 9216, 26, 8, 4, 256, 8192, 1e-6, true, 1e4, 4096,
     Activation::kGeluTanh},
    {"gemma3_text", 262208, 2304, 9216, 26, 8, 4, 256, 131072, 1e-6, true, 1e4, 4096,
     Activation::kGeluTanh},
    {"mixtral", 32000, 4096, 14336, 32, 32, 8, 128, 131072, 1e-5, false, 1e6, 0, Activation::kSilu},
};

TEST(ConfigMeaning, AnAbsentKeyTakesTheClassDefault) {
  for (const Defaults& d : kDefaults) {
    SCOPED_TRACE(d.family);
    const Spec spec = read({{"model_type", d.family}}).spec;
    const AttentionSpec& a = attention(spec, 0);
    EXPECT_EQ(spec.vocab_size, d.vocab);
    EXPECT_EQ(spec.hidden_size, d.hidden);
    EXPECT_EQ(spec.layers.size(), static_cast<size_t>(d.layers));
    EXPECT_EQ(a.num_attention_heads, d.heads);
    EXPECT_EQ(a.num_key_value_heads, d.kv_heads);
    EXPECT_EQ(a.head_dim, d.head_dim);
    EXPECT_EQ(spec.max_position_embeddings, d.positions);
    EXPECT_EQ(spec.final_norm->eps, d.eps);
    EXPECT_EQ(spec.tie_word_embeddings, d.tied);
    EXPECT_EQ(a.rope->theta, d.theta);
    EXPECT_EQ(a.rope->scaling.kind, RopeScaling::Kind::kDefault);
    EXPECT_EQ(a.sliding_window, d.window);
    EXPECT_DOUBLE_EQ(a.scale, 1.0 / std::sqrt(d.head_dim));  // 256 is gemma's query scalar too
    EXPECT_EQ(a.qkv_bias, std::string_view(d.family) == "qwen2");
    EXPECT_FALSE(a.o_bias);
    std::visit(
        [&](const auto& ffn) {
          EXPECT_EQ(ffn.intermediate_size, d.intermediate);
          EXPECT_EQ(ffn.activation, d.activation);
        },
        spec.layers[0].ffn);
  }
}

TEST(ConfigMeaning, GemmaDefaultsBeyondTheCommonOnes) {
  const Spec gemma2 = read({{"model_type", "gemma2"}}).spec;
  EXPECT_EQ(attention(gemma2, 0).soft_cap, 50.0);
  EXPECT_EQ(gemma2.final_soft_cap, 30.0);
  EXPECT_EQ(attention(gemma2, 1).sliding_window, 0);  // even layers slide
  const Spec gemma3 = read({{"model_type", "gemma3_text"}}).spec;
  EXPECT_EQ(attention(gemma3, 0).soft_cap, 0.0);
  EXPECT_EQ(gemma3.final_soft_cap, 0.0);
  EXPECT_EQ(attention(gemma3, 5).sliding_window, 0);  // every sixth sees all, with its own theta
  EXPECT_EQ(attention(gemma3, 5).rope->theta, 1e6);
  EXPECT_TRUE(attention(gemma3, 0).qk_norm.has_value());
  const MoeSpec moe = std::get<MoeSpec>(read({{"model_type", "mixtral"}}).spec.layers[0].ffn);
  EXPECT_EQ(moe.router.num_experts, 8);
  EXPECT_EQ(moe.router.top_k, 2);
}

// Pairs of configs, older keys and newer, that must stand for one forward.
struct Pair {
  const char* family;
  const char* one;
  const char* other;
};

constexpr Pair kSame[] = {
    {"llama", R"({"rope_theta": 5e5})",
     R"({"rope_theta": null, "rope_parameters": {"rope_type": "default", "rope_theta": 5e5}})"},
    {"llama", R"({"rope_scaling": {"type": "linear", "factor": 3.0}})",
     R"({"rope_theta": null, "rope_parameters":
         {"rope_type": "linear", "factor": 3.0, "rope_theta": 1e4}})"},
    {"llama", R"({"rope_scaling": {"rope_type": "dynamic", "factor": 3.0}})",
     R"({"rope_parameters": {"rope_type": "dynamic", "factor": 3.0}})"},
    {"llama", R"({"rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1,
                  "high_freq_factor": 4, "original_max_position_embeddings": 32}})",
     R"({"rope_theta": null, "rope_parameters": {"rope_type": "llama3", "factor": 8.0,
         "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32,
         "rope_theta": 10000.0}})"},
    {"qwen3", R"({"rope_theta": 1e6})",
     R"({"rope_theta": null, "rope_parameters": {"rope_theta": 1e6}})"},
    {"mixtral", R"({"rope_theta": null})", R"({"rope_theta": 1e6})"},
    {"gemma3_text",
     R"({"rope_theta": 5e5, "rope_local_base_freq": 300.0,
         "rope_scaling": {"rope_type": "linear", "factor": 2.0}})",
     R"({"rope_theta": null, "rope_local_base_freq": null, "rope_scaling": null, "rope_parameters": {
         "full_attention": {"rope_type": "linear", "factor": 2.0, "rope_theta": 5e5},
         "sliding_attention": {"rope_type": "default", "rope_theta": 300.0}}})"},
    {"gemma3_text", R"({"rope_scaling": null})",
     R"({"rope_theta": null, "rope_scaling": null, "rope_local_base_freq": null, "rope_parameters": {
         "full_attention": {"rope_type": "default", "rope_theta": 1e4},
         "sliding_attention": null}})"},
    // Precedence: the dict before the top level, the top level before the class default.
    {"llama", R"({"rope_theta": 5e5})",
     R"({"rope_theta": 7.0, "rope_parameters": {"rope_theta": 5e5}})"},
    {"llama", R"({"rope_scaling": {"rope_type": "linear", "factor": 3.0}})",
     R"({"rope_scaling": {"rope_type": "linear", "factor": 3.0},
         "rope_parameters": {"rope_type": "linear", "factor": 5.0}})"},
    // rope_type before type; an empty dict is none; a default rope reads no factor.
    {"llama", R"({"rope_scaling": {"rope_type": "linear", "factor": 3.0}})",
     R"({"rope_scaling": {"rope_type": "linear", "type": "dynamic", "factor": 3.0}})"},
    {"llama", "{}", R"({"rope_scaling": {}})"},
    {"llama", "{}", R"({"rope_scaling": {}, "rope_parameters": {"rope_type": "default"}})"},
    {"llama", "{}", R"({"rope_scaling": {"rope_type": "default", "factor": 3.0}})"},
    // A top-level original length goes before the dict's; absent in both: the longest.
    {"llama", R"({"rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1,
                  "high_freq_factor": 4, "original_max_position_embeddings": 32}})",
     R"({"original_max_position_embeddings": 32, "rope_scaling": {"rope_type": "llama3",
         "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4,
         "original_max_position_embeddings": 64}})"},
    {"llama", R"({"rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1,
                  "high_freq_factor": 4}})",
     R"({"rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1,
         "high_freq_factor": 4, "original_max_position_embeddings": 128}})"},
    // Heads.
    {"llama", R"({"num_key_value_heads": null})", R"({"num_key_value_heads": 4})"},
    {"llama", R"({"head_dim": null})", R"({"head_dim": 12})"},
    {"llama", R"({"hidden_act": "swish"})", R"({"hidden_act": "silu"})"},
    // Windows: Qwen's alone is inert; layer_types always wins.
    {"qwen2", "{}", R"({"sliding_window": 3, "max_window_layers": 1})"},
    {"qwen2", R"({"use_sliding_window": true, "sliding_window": 3, "max_window_layers": 2})",
     R"({"use_sliding_window": true, "sliding_window": 3, "max_window_layers": 0, "layer_types":
         ["full_attention", "full_attention", "sliding_attention", "sliding_attention"]})"},
    {"gemma2", "{}",
     R"({"layer_types": ["sliding_attention", "full_attention", "sliding_attention",
         "full_attention"]})"},
    {"gemma3_text", R"({"sliding_window_pattern": 3})",
     R"({"sliding_window_pattern": 2, "layer_types": ["sliding_attention", "sliding_attention",
         "full_attention", "sliding_attention"]})"},
    // Gemma 1 says gelu and means its tanh form; Gemma 2 and 3 do not read hidden_act.
    {"gemma", R"({"hidden_act": "gelu"})", R"({"hidden_act": "gelu_pytorch_tanh"})"},
    {"gemma", "{}", R"({"hidden_activation": "relu"})"},
    {"gemma2", "{}", R"({"hidden_act": "silu", "sliding_window_size": 3})"},
    {"gemma3_text", "{}", R"({"hidden_act": "silu", "attn_logit_softcapping": 30.0,
                              "_sliding_window_pattern": 2})"},
    // Bookkeeping.
    {"llama", "{}",
     R"({"use_cache": false, "initializer_range": 9, "attention_dropout": 0.5, "pretraining_tp": 2,
         "_name_or_path": "x", "auto_map": {}, "transformers_version": "4.0", "dtype": "float32",
         "id2label": {"0": "x"}, "temperature": 0.5, "is_decoder": true})"},
};

TEST(ConfigMeaning, TwoGenerationsOfKeysStandForOneForward) {
  for (const Pair& pair : kSame) {
    EXPECT_EQ(forward(pair.family, pair.one), forward(pair.family, pair.other))
        << pair.family << "\n"
        << pair.one << "\n"
        << pair.other;
  }
}

// The same keys with values that do matter: the test above could not fail otherwise.
constexpr Pair kDifferent[] = {
    {"llama", "{}", R"({"rope_theta": 5e5})"},
    {"llama", "{}", R"({"rope_scaling": {"rope_type": "linear", "factor": 3.0}})"},
    {"llama", R"({"rope_scaling": {"rope_type": "linear", "factor": 3.0}})",
     R"({"rope_scaling": {"rope_type": "dynamic", "factor": 3.0}})"},
    {"llama", "{}", R"({"rms_norm_eps": 1e-5})"},
    {"llama", "{}", R"({"tie_word_embeddings": true})"},
    {"llama", "{}", R"({"attention_bias": true})"},
    {"llama", "{}", R"({"mlp_bias": true})"},
    {"llama", "{}", R"({"hidden_act": "gelu"})"},
    {"llama", R"({"hidden_act": "gelu"})", R"({"hidden_act": "gelu_new"})"},
    {"llama", "{}", R"({"num_key_value_heads": null})"},
    {"llama", "{}", R"({"head_dim": null})"},
    {"qwen2", "{}", R"({"use_sliding_window": true, "max_window_layers": 1})"},
    {"qwen3", "{}", R"({"attention_bias": true})"},
    {"gemma2", "{}", R"({"query_pre_attn_scalar": 32})"},
    {"gemma2", "{}", R"({"attn_logit_softcapping": 20.0})"},
    {"gemma2", "{}", R"({"final_logit_softcapping": 20.0})"},
    {"gemma2", "{}", R"({"hidden_activation": "silu"})"},
    {"gemma2", "{}", R"({"sliding_window": 8})"},
    {"gemma3_text", "{}", R"({"rope_local_base_freq": 300.0})"},
    {"gemma3_text", "{}", R"({"rope_scaling": null})"},
    {"gemma3_text", "{}", R"({"sliding_window_pattern": 2})"},
    {"mixtral", "{}", R"({"sliding_window": 8})"},
    {"mixtral", "{}", R"({"num_experts_per_tok": 3})"},
};

TEST(ConfigMeaning, AKeyThatIsReadChangesTheForward) {
  for (const Pair& pair : kDifferent) {
    EXPECT_NE(forward(pair.family, pair.one), forward(pair.family, pair.other))
        << pair.family << "\n"
        << pair.one << "\n"
        << pair.other;
  }
}

TEST(ConfigMeaning, SlidingLayersAreWhereTheFamilySaysSo) {
  EXPECT_EQ(windows(read_patched("qwen3", R"({"use_sliding_window": true, "sliding_window": 5,
                                              "max_window_layers": 3})")),
            (std::vector<int>{0, 0, 0, 5}));
  EXPECT_EQ(windows(read_patched("qwen2", R"({"sliding_window": 5, "max_window_layers": 0})")),
            (std::vector<int>{0, 0, 0, 0}));
  EXPECT_EQ(windows(read_patched("gemma2", "{}")), (std::vector<int>{7, 0, 7, 0}));
  EXPECT_EQ(windows(read_patched("gemma3_text", "{}")), (std::vector<int>{7, 7, 0, 7}));
  EXPECT_EQ(windows(read_patched("mixtral", R"({"sliding_window": 3})")),
            (std::vector<int>{3, 3, 3, 3}));
  EXPECT_EQ(windows(read_patched("mixtral", "{}")), (std::vector<int>{0, 0, 0, 0}));
}

// null has three meanings: none, hidden_size / heads, or a mistake.
TEST(ConfigMeaning, NullIsReadKeyByKey) {
  Json gemma2 = fixtures::preset_config("gemma2", "tiny");
  gemma2["attn_logit_softcapping"] = nullptr;
  gemma2["final_logit_softcapping"] = nullptr;
  const Spec uncapped = read(gemma2).spec;
  EXPECT_EQ(attention(uncapped, 0).soft_cap, 0.0);
  EXPECT_EQ(uncapped.final_soft_cap, 0.0);
  for (const char* family : {"llama", "mixtral"}) {
    Json config = fixtures::preset_config(family, "tiny");
    config["head_dim"] = nullptr;
    EXPECT_EQ(attention(read(config).spec, 0).head_dim, 12) << family;
  }
  for (const char* family : {"qwen3", "gemma", "gemma2", "gemma3_text"}) {
    Json config = fixtures::preset_config(family, "tiny");
    config["head_dim"] = nullptr;
    EXPECT_THROW(read(config), base::InputError) << family;
  }
}

TEST(ConfigMeaning, AllowedKeysAreReported) {
  Json config = fixtures::preset_config("llama", "tiny");
  config["unheard_of"] = 1;
  config["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 2.0}, {"faktor", 3.0}};
  const ModelConfig model =
      read_config(config, "config.json", {"unheard_of", "rope_scaling.faktor", "never"});
  EXPECT_EQ(model.allowed_keys, (std::vector<std::string>{"rope_scaling.faktor", "unheard_of"}));
  const ModelConfig noted = read_config(config, "config.json", {"unheard_of"});
  EXPECT_EQ(noted.unread_keys, std::vector<std::string>{"rope_scaling.faktor"});
}

}  // namespace
}  // namespace plumb::model
