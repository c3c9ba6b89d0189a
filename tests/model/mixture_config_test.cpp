// What the configs of families with experts, latent attention and delta nets mean, and which of
// them must be refused. The expected values come from transformers 5.23's classes.
#include <gtest/gtest.h>

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
  config.merge_patch(Json::parse(changes));
  return read_config(config, "config.json").spec;
}

std::string forward(std::string_view family, const char* changes) {
  return graph::to_text(graph::build(read(family, changes)));
}

struct Pair {
  const char* family;
  const char* one;
  const char* other;
};

constexpr Pair kSame[] = {
    // Two names of one number.
    {"qwen3_moe", R"({"num_experts": 5})", R"({"num_experts": null, "num_local_experts": 5})"},
    {"olmoe", R"({"num_experts": 5})", R"({"num_experts": null, "num_local_experts": 5})"},
    {"gpt_oss", R"({"num_local_experts": 5})", R"({"num_local_experts": null, "num_experts": 5})"},
    {"solar_open", "{}", R"({"n_routed_experts": null, "num_local_experts": 8})"},
    // What transformers saves beside what it read.
    {"qwen2_moe", "{}", R"({"sliding_window": 0, "use_sliding_window": false})"},
    {"deepseek_v3", "{}", R"({"head_dim": 8, "qk_head_dim": 24})"},
    // Keys that are decisive in a sibling.
    {"qwen3_moe", R"({"use_sliding_window": true, "sliding_window": 5})",
     R"({"use_sliding_window": true, "sliding_window": 5, "max_window_layers": 2})"},
    {"glm4_moe_lite", "{}", R"({"first_k_dense_replace": 3})"},
    {"glm4_moe_lite", "{}", R"({"mlp_layer_types": ["dense", "sparse", "sparse", "sparse"]})"},
    {"solar_open", "{}", R"({"first_k_dense_replace": 3, "intermediate_size": 7})"},
    {"gpt_oss", "{}", R"({"hidden_act": "gelu", "experts_per_token": 7})"},
    // Layers that predict further tokens.
    {"deepseek_v3", "{}", R"({"num_nextn_predict_layers": 3})"},
    // An absent dict is yarn, an empty one is not.
    {"gpt_oss", R"({"rope_scaling": null})",
     R"({"rope_scaling": null, "rope_parameters": {"rope_type": "yarn", "factor": 32.0,
         "beta_fast": 32.0, "beta_slow": 1.0, "truncate": false,
         "original_max_position_embeddings": 4096}})"},
    {"gpt_oss", R"({"rope_scaling": null, "rope_parameters": {}})",
     R"({"rope_scaling": {"rope_type": "default"}})"},
    // A quarter of a head turns.
    {"qwen3_next", "{}", R"({"partial_rotary_factor": null})"},
    {"qwen3_5_text", "{}", R"({"rope_theta": null, "partial_rotary_factor": null,
        "rope_parameters": {"rope_theta": 1e4, "rope_type": "default", "mrope_section": [1, 1, 1],
                            "mrope_interleaved": true, "partial_rotary_factor": 0.25}})"},
    {"qwen3_next", "{}",
     R"({"layer_types": ["linear_attention", "linear_attention", "linear_attention",
                         "full_attention"], "full_attention_interval": 2})"},
    {"qwen3_5", "{}", R"({"image_token_id": 5, "vision_config": {"depth": 1}})"},
};

TEST(MixtureConfig, TwoConfigsStandForOneForward) {
  for (const Pair& pair : kSame) {
    EXPECT_EQ(forward(pair.family, pair.one), forward(pair.family, pair.other))
        << pair.family << "\n"
        << pair.one << "\n"
        << pair.other;
  }
}

std::vector<int> windows(const Spec& spec) {
  std::vector<int> all;
  for (const LayerSpec& layer : spec.layers) {
    all.push_back(std::get<AttentionSpec>(layer.mixer).sliding_window);
  }
  return all;
}

TEST(MixtureConfig, SlidingLayersAreWhereTheFamilySaysSo) {
  constexpr const char* kUsed = R"({"use_sliding_window": true, "sliding_window": 5,
                                    "max_window_layers": 3})";
  EXPECT_EQ(windows(read("qwen2_moe", kUsed)), (std::vector<int>{5, 0, 5, 0}));
  EXPECT_EQ(windows(read("qwen3_moe", kUsed)), (std::vector<int>{5, 5, 5, 5}));
  EXPECT_EQ(windows(read("gpt_oss", "{}")), (std::vector<int>{7, 0, 7, 0}));
}

std::string sparse_layers(const Spec& spec) {
  std::string all;
  for (const LayerSpec& layer : spec.layers) {
    all += std::holds_alternative<MoeSpec>(layer.ffn) ? 's' : 'd';
  }
  return all;
}

TEST(MixtureConfig, ExpertsAreWhereTheFamilySaysSo) {
  EXPECT_EQ(sparse_layers(read("qwen2_moe", R"({"decoder_sparse_step": 2})")), "dsds");
  EXPECT_EQ(sparse_layers(read("qwen3_next", R"({"mlp_only_layers": [0, 2]})")), "dsds");
  EXPECT_EQ(sparse_layers(read("qwen3_moe", R"({"num_experts": 0})")), "dddd");
  EXPECT_EQ(sparse_layers(read("deepseek_v3", R"({"first_k_dense_replace": 2})")), "ddss");
  EXPECT_EQ(sparse_layers(read("deepseek_v3", R"({"first_k_dense_replace": 9})")), "dddd");
  EXPECT_EQ(sparse_layers(read("glm4_moe_lite", "{}")), "dsss");
  EXPECT_EQ(sparse_layers(read("solar_open", R"({"first_k_dense_replace": 2})")), "ssss");
}

// yarn sharpens the scores of latent attention by the square of its mscale, beside the cosines.
TEST(MixtureConfig, LatentAttentionScalesItsScores) {
  const auto scale = [](const char* changes) {
    return std::get<LatentAttentionSpec>(read("deepseek_v3", changes).layers[0].mixer).scale;
  };
  const double plain = 1.0 / std::sqrt(24.0);
  const double mscale = 0.1 * std::log(8.0) + 1.0;
  EXPECT_DOUBLE_EQ(scale("{}"), plain * mscale * mscale);
  EXPECT_DOUBLE_EQ(scale(R"({"rope_scaling": null})"), plain);
  EXPECT_DOUBLE_EQ(scale(R"({"rope_scaling": {"mscale_all_dim": 0}})"), plain);
  EXPECT_DOUBLE_EQ(
      scale(R"({"rope_scaling": {"type": "linear", "factor": 8.0, "mscale_all_dim": 1.0}})"),
      plain * mscale * mscale);
}

TEST(MixtureConfig, LatentNormsHaveTheirOwnEps) {
  const Spec spec = read("glm4_moe_lite", R"({"rms_norm_eps": 1e-3})");
  EXPECT_EQ(std::get<LatentAttentionSpec>(spec.layers[0].mixer).latent_norm.eps, 1e-6);
  EXPECT_EQ(spec.final_norm->eps, 1e-3);
}

std::vector<std::string> ignored(std::string_view family, const char* changes) {
  Json config = fixtures::preset_config(family, "tiny");
  config.merge_patch(Json::parse(changes));
  std::vector<std::string> patterns;
  const ModelConfig model = read_config(config, "config.json");
  for (const IgnoreRule& rule : model.names.ignored()) {
    if (!rule.pattern.starts_with('*')) patterns.push_back(rule.pattern);
  }
  return patterns;
}

// Of tensors that take no part, those that are named are ignored, and no others.
TEST(MixtureConfig, TensorsAreIgnoredByName) {
  using Patterns = std::vector<std::string>;
  EXPECT_EQ(ignored("deepseek_v3", R"({"num_nextn_predict_layers": 2})"),
            (Patterns{"model.layers.4.*", "model.layers.5.*"}));
  EXPECT_EQ(ignored("deepseek_v3", R"({"num_nextn_predict_layers": 0})"), Patterns{});
  EXPECT_EQ(ignored("glm4_moe_lite", R"({"num_nextn_predict_layers": 1})"),
            Patterns{"model.layers.4.*"});
  EXPECT_EQ(ignored("solar_open", "{}"), Patterns{});
  EXPECT_EQ(ignored("qwen3_next", "{}"), Patterns{"mtp.*"});
  EXPECT_EQ(ignored("qwen3_5_text", "{}"), (Patterns{"mtp.*", "model.visual.*"}));
  EXPECT_EQ(ignored("qwen3_5", "{}"), (Patterns{"mtp.*", "model.visual.*"}));
}

struct Refusal {
  const char* family;
  const char* changes;
  const char* named;
};

constexpr Refusal kRefusals[] = {
    {"qwen2_moe", R"({"num_experts_per_tok": 9})", "num_experts_per_tok"},
    {"qwen2_moe", R"({"num_experts": 3, "num_experts_per_tok": null})", "num_experts_per_tok"},
    {"qwen2_moe", R"({"decoder_sparse_step": 0})", "decoder_sparse_step"},
    {"qwen2_moe", R"({"mlp_only_layers": [0.5]})", "mlp_only_layers"},
    {"qwen2_moe", R"({"mlp_only_layers": "0"})", "mlp_only_layers"},
    {"qwen2_moe", R"({"use_sliding_window": true, "sliding_window": 0})", "layer_types"},
    {"qwen2_moe", R"({"num_shared_experts": 2})", "num_shared_experts"},
    {"qwen3_moe", R"({"num_local_experts": 5})", "num_local_experts"},
    {"olmoe", R"({"clip_qkv": 0})", "clip_qkv"},
    {"olmoe", R"({"head_dim": 16})", "head_dim"},
    {"olmoe", R"({"sliding_window": 5})", "sliding_window"},
    {"deepseek_v3", R"({"n_group": 3})", "n_group"},
    {"deepseek_v3", R"({"n_group": 8})", "n_group"},
    {"deepseek_v3", R"({"topk_group": 5})", "topk_group"},
    {"deepseek_v3", R"({"topk_group": 1})", "num_experts_per_tok"},
    {"deepseek_v3", R"({"n_shared_experts": 0})", "n_shared_experts"},
    {"deepseek_v3", R"({"scoring_func": "softmax"})", "scoring_func"},
    {"deepseek_v3", R"({"topk_method": "greedy"})", "topk_method"},
    {"deepseek_v3", R"({"moe_layer_freq": 2})", "moe_layer_freq"},
    {"deepseek_v3", R"({"num_key_value_heads": 2})", "num_key_value_heads"},
    {"deepseek_v3", R"({"head_dim": 16})", "head_dim"},
    {"deepseek_v3", R"({"qk_head_dim": 16})", "qk_head_dim"},
    {"deepseek_v3", R"({"qk_rope_head_dim": 7})", "qk_rope_head_dim"},
    {"deepseek_v3", R"({"qk_nope_head_dim": 1048576})", "qk_nope_head_dim"},
    {"deepseek_v3", R"({"v_head_dim": 1048576})", "v_head_dim"},
    {"deepseek_v3", R"({"partial_rotary_factor": 0.5})", "partial_rotary_factor"},
    {"glm4_moe_lite", R"({"mlp_layer_types": ["dense"]})", "mlp_layer_types"},
    {"glm4_moe_lite", R"({"mlp_layer_types": ["dense", "moe", "moe", "moe"]})", "mlp_layer_types"},
    {"glm4_moe_lite", R"({"scoring_func": "softmax"})", "scoring_func"},
    {"solar_open", R"({"use_qk_norm": true})", "use_qk_norm"},
    {"gpt_oss", R"({"swiglu_limit": 0})", "swiglu_limit"},
    {"gpt_oss", R"({"rope_scaling": {"rope_type": "ntk"}})", "rope_scaling.rope_type"},
    {"qwen3_next", R"({"hidden_act": "gelu"})", "hidden_act"},
    {"qwen3_next", R"({"linear_num_value_heads": 3})", "linear_num_value_heads"},
    {"qwen3_next", R"({"linear_key_head_dim": 1048576})", "linear_key_head_dim"},
    {"qwen3_next", R"({"use_sliding_window": true})", "use_sliding_window"},
    {"qwen3_next", R"({"full_attention_interval": 0})", "full_attention_interval"},
    {"qwen3_next", R"({"partial_rotary_factor": 0.2})", "partial_rotary_factor"},
    {"qwen3_next",
     R"({"layer_types": ["sliding_attention", "full_attention", "full_attention",
                         "full_attention"]})",
     "layer_types"},
    {"qwen3_5_text", R"({"attn_output_gate": false})", "attn_output_gate"},
    {"qwen3_5_text", R"({"num_experts": 8})", "num_experts"},
    {"qwen3_5", R"({"text_config": {"model_type": "qwen3"}})", "text_config.model_type"},
    {"qwen3_5", R"({"hidden_size": 5})", "hidden_size"},
};

TEST(MixtureConfig, MistakesAreRefusedByName) {
  for (const Refusal& row : kRefusals) {
    const std::string line = tests::refusal([&] { forward(row.family, row.changes); });
    EXPECT_NE(line.find(std::string(": ") + row.named), std::string::npos)
        << row.family << " " << row.changes << ": " << line;
  }
}

}  // namespace
}  // namespace plumb::model
