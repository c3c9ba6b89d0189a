// Families that are another's forward under their own keys and names print as its graph, to the
// byte: what they add is in their config reading and their name tables, and nowhere else.
#include <gtest/gtest.h>

#include "fixtures/presets.h"
#include "graph/builder.h"
#include "graph/printer.h"
#include "model/model.h"

namespace plumb::graph {
namespace {

using base::Json;

std::string forward(std::string_view family, const char* changes) {
  Json config = fixtures::preset_config(family, "tiny");
  config.merge_patch(Json::parse(changes));
  return to_text(build(model::read_config(config, "config.json").spec));
}

struct Pair {
  const char* family;
  const char* changes;
  const char* base;
  const char* base_changes;
};

constexpr const char* kLlama3 = R"({"rms_norm_eps": 1e-5, "rope_scaling": {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32}})";

constexpr Pair kSame[] = {
    {"mimo", "{}", "qwen2", "{}"},
    {"mimo", R"({"tie_word_embeddings": true, "num_key_value_heads": 1, "hidden_act": "gelu"})",
     "qwen2", R"({"tie_word_embeddings": true, "num_key_value_heads": 1, "hidden_act": "gelu"})"},
    {"mimo", R"({"sliding_window": 5, "max_window_layers": 1})", "qwen2", "{}"},
    {"exaone", "{}", "llama", kLlama3},
    {"exaone", R"({"rope_scaling": null, "activation_function": "gelu", "head_dim": null})",
     "llama", R"({"rms_norm_eps": 1e-5, "hidden_act": "gelu", "head_dim": null})"},
    {"internlm2", "{}", "llama",
     R"({"head_dim": null, "rope_scaling": {"rope_type": "dynamic", "factor": 2.0}})"},
    {"internlm2", R"({"bias": true, "rope_scaling": null})", "llama",
     R"({"head_dim": null, "attention_bias": true})"},
    {"internlm3", "{}", "llama", R"({"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}})"},
    {"internlm3", R"({"qkv_bias": true, "bias": true, "rope_scaling": null})", "llama",
     R"({"attention_bias": true, "mlp_bias": true})"},
    {"internlm3", R"({"qkv_bias": true, "rope_scaling": null})", "qwen2", "{}"},
    {"seed_oss", R"({"attention_bias": true, "attention_out_bias": false})", "qwen2", "{}"},
    {"seed_oss", R"({"attention_bias": true, "attention_out_bias": true, "mlp_bias": true})",
     "llama", R"({"attention_bias": true, "mlp_bias": true})"},
    {"youtu", "{}", "deepseek_v3",
     R"({"first_k_dense_replace": 4, "rope_scaling": null, "tie_word_embeddings": false})"},
    {"granitemoeshared", R"({"shared_intermediate_size": 0})", "granitemoe", "{}"},
    {"mellum", R"({"rope_parameters": {"full_attention": {"rope_theta": 1e4}}})", "qwen3_moe",
     "{}"},
    {"iquestcoder", R"({"attention_bias": true})", "llama", R"({"attention_bias": true})"},
    {"gpt-sw3", "{}", "gpt2", "{}"},
    {"gpt_bigcode", R"({"multi_query": false})", "gpt2", "{}"},
    {"hyperclovax", R"({"use_post_norm": false, "logits_scaling": 0.25})", "granite", "{}"},
    {"jais2", R"({"hidden_act": "gelu_pytorch_tanh"})", "starcoder2", "{}"},
};

TEST(Reuse, IsTheSameGraph) {
  for (const Pair& pair : kSame) {
    EXPECT_EQ(forward(pair.family, pair.changes), forward(pair.base, pair.base_changes))
        << pair.family << " " << pair.changes << " is " << pair.base << " " << pair.base_changes;
  }
}

// The test above could not fail if these were equal too.
constexpr Pair kDifferent[] = {
    {"mimo", "{}", "llama", "{}"},
    {"exaone", "{}", "llama", "{}"},
    {"internlm2", R"({"bias": true})", "internlm2", "{}"},
    {"internlm3", R"({"qkv_bias": true})", "internlm3", R"({"bias": true})"},
    {"internlm3", R"({"qkv_bias": true})", "internlm3", R"({"qkv_bias": true, "bias": true})"},
    {"gpt_bigcode", "{}", "gpt2", "{}"},
    {"hyperclovax", R"({"logits_scaling": 0.25})", "granite", "{}"},
};

TEST(Reuse, TellsOtherFlagsApart) {
  for (const Pair& pair : kDifferent) {
    EXPECT_NE(forward(pair.family, pair.changes), forward(pair.base, pair.base_changes))
        << pair.family << " " << pair.changes;
  }
}

}  // namespace
}  // namespace plumb::graph
