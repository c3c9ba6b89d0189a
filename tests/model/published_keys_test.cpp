// Keys of published configs: what passes, with a note or without, and what must not.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "fixtures/presets.h"
#include "graph/builder.h"
#include "graph/printer.h"
#include "model/model.h"
#include "model/transformers_keys.h"
#include "tests/support/refusal.h"

namespace plumb::model {
namespace {

using base::Json;

struct FamilyKeys {
  std::string_view family;
  std::string_view keys;
};

// What the code of each family in transformers reads.
constexpr FamilyKeys kFamilyKeys[] = {
#include "tests/model/family_keys.inc"
};

Json patched(std::string_view family, const char* changes) {
  Json config = fixtures::preset_config(family, "tiny");
  // No merge patch: that would take null keys out.
  config.update(Json::parse(changes), true);
  return config;
}

std::string forward(const Json& config) {
  return graph::to_text(graph::build(read_config(config, "config.json").spec));
}

// Changes to a tiny config that leave its forward as it is.
struct Row {
  const char* family;
  const char* changes;
};

constexpr Row kWithoutEffect[] = {
    // What tools leave behind.
    {"llama", R"({"unsloth_version": "2025.1", "unsloth_fixed": true})"},
    {"llama", R"({"transformers.js_config": {"kv_cache_dtype": {"q4f16": "float16"}}})"},
    {"llama", R"({"is_llama_config": true, "rope_interleaved": false})"},
    {"llama", R"({"max_sequence_length": 2048, "model_max_length": 4096})"},
    {"llama", R"({"_attn_implementation": "flash_attention_2", "attn_implementation": null})"},
    {"llama", R"({"_attn_implementation_autoset": true, "_commit_hash": "abc"})"},
    {"llama", R"({"internal_version": "7b-alpha", "_name_or_path": "a/b", "name_or_path": "a/b"})"},
    {"llama", R"({"eos_token": "</s>", "pool_type": "last", "pad_id": 0})"},
    {"llama", R"({"torch_dtype": "float16", "dtype": "bfloat16"})"},
    // A whole to_dict() of transformers 4.
    {"llama", R"({"add_cross_attention": false, "tie_encoder_decoder": false, "pruned_heads": {},
                  "cross_attention_hidden_size": null, "chunk_size_feed_forward": 0,
                  "decoder_start_token_id": null, "tf_legacy_loss": false, "torchscript": false,
                  "use_bfloat16": false, "is_decoder": false, "is_encoder_decoder": false,
                  "output_hidden_states": false, "return_dict": true, "num_labels": 2,
                  "id2label": {"0": "LABEL_0"}, "problem_type": null, "prefix": null,
                  "forced_eos_token_id": null, "renormalize_logits": false, "top_k": 50,
                  "num_beam_groups": 1, "typical_p": 1.0, "gradient_checkpointing": false})"},
    // Keys of other model types that switch nothing on.
    {"qwen2", R"({"use_mrope": false, "attention_bias": false, "rope_scaling": null})"},
    {"phi3", R"({"full_attn_mod": 1, "interpolate_factor": 1, "lm_head_bias": false,
                 "mlp_bias": false, "attention_bias": false})"},
    {"cohere2", R"({"layer_switch": 4, "position_embedding_type": "rope_gptj",
                    "rotary_pct": 1.0, "use_embedding_sharing": true, "use_gated_activation": true,
                    "use_parallel_block": true, "use_parallel_embedding": true})"},
    {"starcoder2", R"({"layer_norm_epsilon": 1e-05, "attention_softmax_in_fp32": true,
                       "scale_attention_softmax_in_fp32": true, "scale_attn_weights": true})"},
    {"llama", R"({"logits_scaling": 1.0, "embedding_multiplier": 1, "residual_multiplier": 1.0})"},
    {"qwen3", R"({"num_experts": 0, "alibi": false, "sliding_window_pattern": null})"},
    {"llama", R"({"rope_scaling": {"rope_type": "linear", "factor": 1.0, "finetuned": true}})"},
    {"gemma3", R"({"mm_tokens_per_image": 256, "vision_config": {"hidden_size": 8},
                   "boi_token_index": 5, "transformers_version": "4.50.0.dev0"})"},
    {"mistral3",
     R"({"image_token_index": 10, "spatial_merge_size": 2, "vision_feature_layer": -1})"},
    {"deepseek_v3", R"({"auto_map": {"AutoConfig": "x"}, "moe_layer_freq": 1, "ep_size": 1})"},
};

TEST(PublishedKeys, PassWhereTheyHaveNoEffect) {
  for (const Row& row : kWithoutEffect) {
    Json plain = fixtures::preset_config(row.family, "tiny");
    const std::string before = [&] {
      if (std::string_view(row.changes).find("finetuned") == std::string_view::npos) {
        return forward(plain);
      }
      plain["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 1.0}};
      return forward(plain);
    }();
    std::string after;
    const std::string line =
        tests::refusal([&] { after = forward(patched(row.family, row.changes)); });
    EXPECT_EQ(line, "") << row.family << " " << row.changes;
    EXPECT_EQ(after, before) << row.family << " " << row.changes;
  }
}

TEST(PublishedKeys, AreNotedWhereNothingReadsThem) {
  const ModelConfig model = read_config(patched("llama", R"({"unsloth_version": "1", "alibi": false,
          "rope_scaling": {"rope_type": "default", "finetuned": true}})"),
                                        "config.json");
  EXPECT_EQ(model.unread_keys,
            (std::vector<std::string>{"alibi", "rope_scaling.finetuned", "unsloth_version"}));
}

TEST(PublishedKeys, AllProblemsAreToldAtOnce) {
  const std::string line = tests::refusal([&] {
    read_config(patched("llama", R"({"alibi": true, "hidden_act": "sliu", "clip_qkv": 3.0,
                                     "mlp_bias": "no", "rope_theta": -1})"),
                "some/config.json");
  });
  EXPECT_TRUE(line.starts_with("some/config.json: ")) << line;
  for (const char* key : {"alibi", "hidden_act", "clip_qkv", "mlp_bias", "rope_theta"}) {
    EXPECT_NE(line.find(std::string(key) + ": "), std::string::npos) << key << ": " << line;
  }
  EXPECT_EQ(line.find("some/config.json", 1), std::string::npos) << line;
  EXPECT_EQ(line.find('\n'), std::string::npos);
}

// Without num_attention_heads the class default would not fit hidden_size 48: that is no mistake of
// the config.
TEST(PublishedKeys, NoProblemIsToldThatAnotherBroughtAbout) {
  const std::string line = tests::refusal([&] {
    Json config = patched("llama", R"({"num_attention_heads": "four", "clip_qkv": 3.0})");
    config.erase("head_dim");
    read_config(config, "config.json");
  });
  EXPECT_NE(line.find("num_attention_heads: is \"four\""), std::string::npos) << line;
  EXPECT_EQ(line.find("does not divide"), std::string::npos) << line;
}

bool text_only(std::string_view family) {
  return family != "gemma3_text" && !family.starts_with("qwen3_5");
}

// What classes call their layer types and thetas: no keys of the config itself.
bool is_inner(std::string_view key) {
  return key == kFullAttention || key == kSlidingAttention || key == "default_theta";
}

// Whatever a family's own code reads is read here too, or stands on a list, or is refused: none of
// it is passed over as another model type's.
TEST(PublishedKeys, NoneOfAFamilysOwnIsPassedOver) {
  int rows = 0;
  for (const FamilyKeys& row : kFamilyKeys) {
    const Json tiny = fixtures::preset_config(row.family, "tiny");
    // Folders of multimodal models read vision configs too.
    if (tiny.contains("text_config") || !text_only(row.family)) continue;
    std::istringstream keys{std::string(row.keys)};
    for (std::string key; keys >> key; ++rows) {
      for (const char* value : {"7", "\"odd\"", "[7]"}) {
        if (tiny.contains(key) || is_idle_key(key) || is_inner(key)) continue;
        Json config = tiny;
        config[key] = Json::parse(value);
        std::vector<std::string> unread;
        tests::refusal([&] { unread = read_config(config, "config.json").unread_keys; });
        EXPECT_EQ(std::count(unread.begin(), unread.end(), key), 0)
            << row.family << " " << key << " = " << value;
      }
    }
  }
  EXPECT_GT(rows, 500);
}

TEST(ModelKeys, AreThoseOfTheSources) {
  for (const char* key : {"hidden_size", "rope_theta", "clip_qkv", "alibi", "num_local_experts",
                          "attn_logit_softcapping", "is_causal", "linear_key_head_dim"}) {
    EXPECT_TRUE(is_model_key(key)) << key;
  }
  for (const char* key : {"unsloth_version", "to_dict", "rope_interleaved", ""}) {
    EXPECT_FALSE(is_model_key(key)) << key;
  }
}

TEST(ModelKeys, NeutralValues) {
  const auto neutral = [](const char* key, const char* value) {
    return is_neutral(key, Json::parse(value));
  };
  for (const char* value : {"null", "false", "0", "0.0", "[]", "{}", "\"\""}) {
    EXPECT_TRUE(neutral("alibi", value)) << value;
  }
  for (const char* value : {"true", "1", "\"x\"", "[1]", "{\"a\": 1}"}) {
    EXPECT_FALSE(neutral("alibi", value)) << value;
  }
  EXPECT_TRUE(neutral("scale_attn_weights", "true"));
  EXPECT_FALSE(neutral("scale_attn_weights", "false"));
  EXPECT_FALSE(neutral("is_causal", "false"));
  EXPECT_TRUE(neutral("residual_multiplier", "1.0"));
  EXPECT_FALSE(neutral("residual_multiplier", "0.0"));
  EXPECT_FALSE(neutral("final_logit_softcapping", "0.0"));
}

}  // namespace
}  // namespace plumb::model
