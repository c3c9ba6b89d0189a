// What the configs of families with experts of every routing, short convolutions and delta nets
// mean, and which of them must be refused. The expected values come from transformers 5.23's
// classes.
#include <gtest/gtest.h>

#include <cmath>

#include "fixtures/presets.h"
#include "graph/builder.h"
#include "graph/printer.h"
#include "model/model.h"
#include "tests/support/refusal.h"

namespace plumb::model {
namespace {

using base::Json;

Spec read(std::string_view family, const char* changes) {
  Json config = fixtures::preset_config(family, "tiny");
  config.update(Json::parse(changes), true);
  return read_config(config, "config.json").spec;
}

std::string forward(std::string_view family, const char* changes) {
  return graph::to_text(graph::build(read(family, changes)));
}

const AttentionSpec& attention(const Spec& spec, size_t layer) {
  return std::get<AttentionSpec>(spec.layers.at(layer).mixer);
}

const MoeSpec& mixture(const Spec& spec, size_t layer) {
  return std::get<MoeSpec>(spec.layers.at(layer).ffn);
}

// The mixers and feed-forwards of the layers: c a short convolution, l a delta net, w a sliding and
// f a full attention, n one without a rope; s experts, d one dense.
std::string layers(const Spec& spec) {
  std::string text;
  for (const LayerSpec& layer : spec.layers) {
    const auto* attention = std::get_if<AttentionSpec>(&layer.mixer);
    if (attention == nullptr) {
      text += std::holds_alternative<ShortConvSpec>(layer.mixer) ? "c" : "l";
    } else {
      text += !attention->rope ? "n" : (attention->sliding_window > 0 ? "w" : "f");
    }
    text += std::holds_alternative<MoeSpec>(layer.ffn) ? "s " : "d ";
  }
  return text;
}

struct Layers {
  const char* family;
  const char* changes;
  const char* layers;
};

constexpr Layers kLayers[] = {
    {"lfm2", R"({"full_attn_idxs": [1, 3]})", "cd fd cd fd "},
    {"lfm2", R"({"full_attn_idxs": null})", "fd fd fd fd "},
    {"lfm2", R"({"layer_types": ["conv", "attention", "conv", "conv"]})", "cd fd cd cd "},
    {"lfm2_moe", "{}", "cd cs fs cs "},
    {"lfm3", "{}", "cd cd fd cd "},
    {"lfm3", R"({"num_hidden_layers": 5})", "cd cd fd cd wd "},
    {"ernie4_5_moe", R"({"moe_layer_interval": 2})", "fd fs fd fs "},
    {"ernie4_5_moe", R"({"moe_layer_start_index": 2, "moe_layer_end_index": 2})", "fd fd fs fd "},
    {"exaone_moe", "{}", "wd ws ws ns "},
    {"hy_v3", "{}", "fd fs fs fs "},
    {"afmoe", R"({"global_attn_every_n_layers": 2})", "wd ns ws ns "},
    {"cohere2_moe", "{}", "fd ws ws ws "},
    {"cohere2_moe", R"({"prefix_dense_sliding_window_pattern": 2, "sliding_window_pattern": 2})",
     "wd ws ns ws "},
    {"mimo_v2_flash", R"({"num_hidden_layers": 7})", "fd ws ws ws ws fs ws "},
    {"kolibri1", R"({"num_hidden_layers": 5})", "ws ws ws ws ns "},
    {"flint", R"({"mlp_only_layers": null})", "nd nd ws ns "},
    {"beam", "{}", "wd wd wd ns "},
    {"mellum", R"({"layer_types": ["sliding_attention", "full_attention", "sliding_attention",
                                   "full_attention"]})",
     "ws fs ws fs "},
    {"laguna", "{}", "fd fs fs fs "},
    {"granitemoe_swa", "{}", "fs ws ws ws "},
    {"granitemoe_swa", R"({"layer_rope_theta": [0, 1e4, 0, 5e5]})", "ns ws ns ws "},
    {"olmo_hybrid", "{}", "ld ld ld nd "},
    {"olmo_hybrid", R"({"num_hidden_layers": 2, "rope_parameters": null})", "ld fd "},
};

TEST(RouterConfig, LayersAreWhatTheFamilySays) {
  for (const Layers& row : kLayers) {
    EXPECT_EQ(layers(read(row.family, row.changes)), row.layers) << row.family << row.changes;
  }
}

struct Pair {
  const char* family;
  const char* one;
  const char* other;
};

constexpr Pair kSame[] = {
    // Names of one thing.
    {"lfm2", R"({"tie_word_embeddings": false})", R"({"tie_embedding": false})"},
    {"lfm2", R"({"intermediate_size": 40})", R"({"block_ff_dim": 40})"},
    {"minimax_m2", R"({"rotary_dim": 8})", R"({"rotary_dim": null, "partial_rotary_factor": 0.5})"},
    {"mimo_v2_flash", R"({"sliding_window": 9})", R"({"sliding_window_size": 8})"},
    {"mimo_v2_flash", R"({"attention_value_scale": null})", R"({"attention_value_scale": 1.0})"},
    {"mimo_v2_flash", "{}", R"({"routed_scaling_factor": null, "scoring_func": "sigmoid"})"},
    {"axk1", R"({"first_k_dense_replace": 2})",
     R"({"mlp_layer_types": ["dense", "dense", "sparse", "sparse"]})"},
    {"hunyuan_v1_moe", R"({"moe_topk": 3})", R"({"moe_topk": [3, 3, 3, 3]})"},
    {"minicpm3", R"({"scale_depth": null})", R"({"scale_depth": 2})"},
    {"minicpm3", R"({"dim_model_base": null})", R"({"dim_model_base": 48})"},
    {"minicpm3", R"({"v_head_dim": null})", R"({"v_head_dim": 12})"},
    {"laguna", R"({"gating": true})", R"({"gating": "per-head"})"},
    {"laguna", "{}", R"({"num_attention_heads_per_layer": [4, 4, 4, 4]})"},
    {"dbrx", "{}", R"({"rope_theta": 500000.0})"},
    {"dbrx", "{}", R"({"attn_config": {"rope_theta": 1e4}, "rope_theta": 500000.0})"},
    // What the class does not read.
    {"deepseek_v2", "{}", R"({"norm_topk_prob": true})"},
    {"deepseek_v2", R"({"topk_method": "greedy"})",
     R"({"topk_method": "greedy", "n_group": 1, "topk_group": 1})"},
    {"hy_v3", "{}", R"({"enable_moe_fp32_combine": false})"},
    {"lfm3", "{}", R"({"hidden_act": "gelu"})"},
};

TEST(RouterConfig, TwoConfigsStandForOneForward) {
  for (const Pair& pair : kSame) {
    EXPECT_EQ(forward(pair.family, pair.one), forward(pair.family, pair.other))
        << pair.family << "\n"
        << pair.one << "\n"
        << pair.other;
  }
}

TEST(RouterConfig, ScoresAreWhatTheFamilySays) {
  using Scores = RouterSpec::Scores;
  const RouterSpec deepseek = mixture(read("deepseek_v2", "{}"), 1).router;
  EXPECT_EQ(deepseek.scores, Scores::kSoftmax);
  EXPECT_EQ(deepseek.group_experts, 1);
  EXPECT_FALSE(deepseek.normalize);
  EXPECT_EQ(mixture(read("deepseek_v2", R"({"topk_method": "greedy"})"), 1).router.num_groups, 1);
  const RouterSpec kolibri = mixture(read("kolibri1", "{}"), 1).router;
  EXPECT_EQ(kolibri.scores, Scores::kSigmoid);
  EXPECT_TRUE(kolibri.choice_on_logits && kolibri.correction_bias);
  const RouterSpec ernie = mixture(read("ernie4_5_moe", R"({"moe_norm_min": 0.5})"), 1).router;
  EXPECT_EQ(ernie.scores, Scores::kSoftmax);
  EXPECT_EQ(ernie.normalize_min, 0.5);
  EXPECT_EQ(mixture(read("dbrx", "{}"), 0).router.normalize_norm, 2.0);
  const Spec plain = read("dbrx", R"({"ffn_config": {"moe_normalize_expert_weights": null}})");
  EXPECT_FALSE(mixture(plain, 0).router.normalize);
  EXPECT_EQ(mixture(read("granitemoe", "{}"), 0).router.scores, Scores::kSoftmaxOfChosen);
  EXPECT_EQ(mixture(read("lfm2_moe", "{}"), 1).router.normalize_eps, 1e-6);
}

TEST(RouterConfig, SharedExpertsJoinAsTheFamilySays) {
  EXPECT_TRUE(mixture(read("cohere2_moe", "{}"), 1).shared->averaged);
  const Spec sum = read("cohere2_moe", R"({"shared_expert_combination_strategy": "sum"})");
  EXPECT_FALSE(mixture(sum, 1).shared->averaged);
  EXPECT_FALSE(mixture(read("cohere2_moe", R"({"num_shared_experts": 0})"), 1).shared);
  EXPECT_FALSE(mixture(read("granitemoeshared", R"({"shared_intermediate_size": 0})"), 0).shared);
  EXPECT_EQ(mixture(read("aria_text", R"({"hidden_act": "gelu"})"), 0).activation,
            Activation::kSilu);
  EXPECT_EQ(mixture(read("afmoe", "{}"), 1).shared->intermediate_size, 44);
  EXPECT_FALSE(mixture(read("mimo_v2_flash", "{}"), 1).shared);
}

TEST(RouterConfig, AttentionIsWhatTheFamilySays) {
  const Spec mimo = read("mimo_v2_flash", "{}");
  EXPECT_EQ(attention(mimo, 0).num_key_value_heads, 2);
  EXPECT_EQ(attention(mimo, 1).num_key_value_heads, 4);
  EXPECT_TRUE(attention(mimo, 1).sinks && !attention(mimo, 0).sinks);
  EXPECT_EQ(attention(mimo, 0).value_width(), 8);
  const Spec beam = read("beam", "{}");
  EXPECT_TRUE(attention(beam, 3).query_temperature && !attention(beam, 0).query_temperature);
  EXPECT_NEAR(attention(beam, 3).query_temperature->factor(2047), std::pow(2.0, 0.1), 1e-15);
  EXPECT_EQ(beam.layers[2].first_sum, 6);
  const Spec heads = read("laguna", R"({"num_attention_heads_per_layer": [2, 4, 6, 8]})");
  EXPECT_EQ(attention(heads, 3).num_attention_heads, 8);
  EXPECT_FALSE(attention(read("laguna", R"({"gating": "per-element"})"), 0).output_gate->per_head);
  const Spec lfm3 = read("lfm3", "{}");
  EXPECT_EQ(attention(lfm3, 2).rope->scaling.kind, RopeScaling::Kind::kProportional);
  EXPECT_EQ(attention(lfm3, 2).rope->scaling.turning_pairs, 4);
  EXPECT_EQ(std::get<ShortConvSpec>(lfm3.layers[0].mixer).kernel, 7);
  EXPECT_EQ(std::get<GatedDeltaNetSpec>(read("olmo_hybrid", "{}").layers[0].mixer).beta_multiplier,
            2.0);
}

TEST(RouterConfig, Lfm2AdjustsTheWidthOfItsMlp) {
  const auto width = [](const char* changes) {
    return std::get<MlpSpec>(read("lfm2", changes).layers[0].ffn).intermediate_size;
  };
  EXPECT_EQ(width("{}"), 88);
  EXPECT_EQ(width(R"({"block_auto_adjust_ff_dim": true})"), 256);  // 58, up to a multiple of 256
  EXPECT_EQ(width(R"({"block_auto_adjust_ff_dim": true, "block_multiple_of": 16})"), 64);
  EXPECT_EQ(width(R"({"block_auto_adjust_ff_dim": true, "block_multiple_of": 16,
                      "block_ffn_dim_multiplier": 1.3})"),
            80);
  EXPECT_EQ(width(R"({"block_auto_adjust_ff_dim": true, "block_ffn_dim_multiplier": null})"), 58);
}

struct Refusal {
  const char* family;
  const char* changes;
  const char* named;
};

constexpr Refusal kRefusals[] = {
    {"deepseek_v2", R"({"topk_method": "noaux_tc"})", "topk_method"},
    {"deepseek_v2", R"({"n_group": null})", "n_group"},
    {"deepseek_v2", R"({"num_experts_per_tok": null})", "num_experts_per_tok"},
    {"deepseek_v2", R"({"scoring_func": "sigmoid"})", "scoring_func"},
    {"lfm2", R"({"layer_types": ["conv", "conv", "conv", "linear_attention"]})", "layer_types"},
    {"lfm2", R"({"conv_L_cache": 0})", "conv_L_cache"},
    {"lfm2_moe", R"({"layer_types": null})", "layer_types"},
    {"lfm3", R"({"sliding_window": null, "layer_types": ["conv", "conv", "conv",
                 "sliding_attention"]})",
     "layer_types"},
    {"minimax_m2", R"({"rotary_dim": 5})", "partial_rotary_factor"},
    {"minimax_m2", R"({"scoring_func": "softmax"})", "scoring_func"},
    {"granitemoe", R"({"num_experts_per_tok": 9})", "num_experts_per_tok"},
    {"granitemoe_swa", R"({"layer_rope_theta": [1e4]})", "layer_rope_theta"},
    {"granitemoe_swa", R"({"layer_rope_theta": [1e4, -1, 1e4, 1e4]})", "layer_rope_theta"},
    {"hunyuan_v1_moe", R"({"moe_topk": [2, 2]})", "moe_topk"},
    {"hunyuan_v1_moe", R"({"moe_topk": [2, 2, 9, 2]})", "moe_topk"},
    {"hunyuan_v1_moe", R"({"num_experts": [8, 8, 4, 8]})", "num_experts"},
    {"exaone_moe", R"({"sliding_window": null})", "sliding_window"},
    {"cohere2_moe", R"({"expert_selection_fn": "relu"})", "expert_selection_fn"},
    {"cohere2_moe", R"({"shared_expert_combination_strategy": "max"})",
     "shared_expert_combination_strategy"},
    {"mimo_v2_flash", R"({"num_key_value_heads": 8})", "num_key_value_heads"},
    {"youtu", R"({"mlp_bias": true})", "mlp_bias"},
    {"olmo_hybrid", R"({"layer_types": ["linear_attention", "linear_attention", "linear_attention",
                        "linear_attention"]})",
     "layer_types"},
    {"olmo_hybrid", R"({"hidden_act": "gelu"})", "hidden_act"},
    {"mellum", R"({"rope_theta": 1e4})", "rope_theta"},
    {"dbrx", R"({"tie_word_embeddings": true})", "tie_word_embeddings"},
    {"dbrx", R"({"attn_config": {"kv_n_heads": 3}})", "attn_config.kv_n_heads"},
    {"axk1", R"({"q_lora_rank": null})", "q_lora_rank"},
    {"laguna", R"({"num_attention_heads_per_layer": [4, 4, 4]})", "num_attention_heads_per_layer"},
    {"laguna", R"({"num_attention_heads_per_layer": [4, 4, 4, 3]})",
     "num_attention_heads_per_layer"},
    {"laguna", R"({"moe_apply_router_weight_on_input": true})", "moe_apply_router_weight_on_input"},
};

TEST(RouterConfig, MistakesAreRefusedByName) {
  for (const Refusal& row : kRefusals) {
    const std::string line = tests::refusal([&] { forward(row.family, row.changes); });
    EXPECT_NE(line.find(std::string(": ") + row.named), std::string::npos)
        << row.family << row.changes << "\n"
        << line;
  }
}

}  // namespace
}  // namespace plumb::model
