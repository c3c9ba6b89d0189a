// What the configs of GPT-2's relatives mean: their spellings of sizes, positions, norms and
// layouts. The expected values come from transformers 5.23's config classes.
#include <gtest/gtest.h>

#include "fixtures/presets.h"
#include "graph/builder.h"
#include "graph/printer.h"
#include "model/model.h"
#include "tests/support/refusal.h"

namespace plumb::model {
namespace {

using base::Json;

Spec read(const Json& config) {
  return read_config(config, "config.json").spec;
}

std::string refusal_of(const Json& config) {
  return tests::refusal([&] { read(config); });
}

const AttentionSpec& attention(const Spec& spec, size_t layer) {
  return std::get<AttentionSpec>(spec.layers.at(layer).mixer);
}

const MlpSpec& mlp(const Spec& spec) {
  return std::get<MlpSpec>(spec.layers.front().ffn);
}

struct Defaults {
  const char* family;
  int vocab, hidden, inner, layers, heads, kv_heads;
  bool tied;
  Activation activation;
};

constexpr Defaults kDefaults[] = {
    {"gpt2", 50257, 768, 3072, 12, 12, 12, true, Activation::kGeluTanh},
    {"gpt_neox", 50432, 6144, 24576, 44, 64, 64, false, Activation::kGelu},
    {"phi", 51200, 2048, 8192, 24, 32, 32, false, Activation::kGeluTanh},
    {"gptj", 50400, 4096, 16384, 28, 16, 16, false, Activation::kGeluTanh},
    {"falcon", 65024, 4544, 18176, 32, 71, 1, true, Activation::kGelu},
    {"bloom", 250880, 64, 256, 2, 8, 8, true, Activation::kGeluBloom},
    {"mpt", 50368, 2048, 8192, 24, 16, 16, true, Activation::kGelu},
    {"opt", 50272, 768, 3072, 12, 12, 12, true, Activation::kRelu},
    {"gpt_bigcode", 50257, 768, 3072, 12, 12, 1, true, Activation::kGeluTanh},
    {"gpt_neo", 50257, 2048, 8192, 24, 16, 16, true, Activation::kGeluTanh},
    {"persimmon", 262144, 4096, 16384, 36, 64, 64, false, Activation::kRelu2},
    {"xglm", 256008, 1024, 4096, 24, 16, 16, true, Activation::kGelu},
    {"biogpt", 42384, 1024, 4096, 24, 16, 16, true, Activation::kGelu},
    {"ctrl", 246534, 1280, 8192, 48, 16, 16, true, Activation::kRelu},
    {"openai-gpt", 40478, 768, 3072, 12, 12, 12, true, Activation::kGeluTanh},
    {"bitnet", 128256, 2560, 6912, 30, 20, 5, false, Activation::kRelu2},
    {"nanochat", 50304, 768, 8192, 12, 6, 6, false, Activation::kRelu2},
};

TEST(DenseConfig, AnAbsentKeyTakesTheClassDefault) {
  for (const Defaults& d : kDefaults) {
    SCOPED_TRACE(d.family);
    const Spec spec = read({{"model_type", d.family}});
    EXPECT_EQ(spec.vocab_size, d.vocab);
    EXPECT_EQ(spec.hidden_size, d.hidden);
    EXPECT_EQ(mlp(spec).intermediate_size, d.inner);
    EXPECT_EQ(mlp(spec).activation, d.activation);
    EXPECT_EQ(spec.layers.size(), static_cast<size_t>(d.layers));
    EXPECT_EQ(attention(spec, 0).num_attention_heads, d.heads);
    EXPECT_EQ(attention(spec, 0).num_key_value_heads, d.kv_heads);
    EXPECT_EQ(spec.tie_word_embeddings, d.tied);
  }
}

TEST(DenseConfig, SizesStandUnderEitherName) {
  const Json own = {{"model_type", "gpt2"}, {"n_embd", 64}, {"n_layer", 3}, {"n_head", 4}};
  const Json usual = {{"model_type", "gpt2"},
                      {"hidden_size", 64},
                      {"num_hidden_layers", 3},
                      {"num_attention_heads", 4}};
  const auto forward = [](const Json& config) {
    return graph::to_text(graph::build(read(config)));
  };
  EXPECT_EQ(forward(own), forward(usual));
  Json both = own;
  both["hidden_size"] = 32;
  EXPECT_NE(refusal_of(both).find("hidden_size"), std::string::npos);
}

TEST(DenseConfig, PositionsStartAtTheirOffset) {
  const Spec gpt2 = read({{"model_type", "gpt2"}, {"n_positions", 77}});
  EXPECT_EQ(gpt2.positions->rows, 77);
  EXPECT_EQ(gpt2.positions->offset, 0);
  const Spec opt = read({{"model_type", "opt"}, {"max_position_embeddings", 77}});
  EXPECT_EQ(opt.positions->rows, 79);
  EXPECT_EQ(opt.positions->offset, 2);
  const Spec xglm = read({{"model_type", "xglm"}});
  EXPECT_EQ(xglm.positions->rows, 0);
  EXPECT_EQ(xglm.positions->spread, 511.0);
  EXPECT_EQ(xglm.embedding_multiplier, 32.0);
  EXPECT_EQ(read({{"model_type", "ctrl"}}).positions->spread, 640.0);
}

TEST(DenseConfig, LinearBiasesHaveSlopesForAnyNumberOfHeads) {
  const Spec four = read({{"model_type", "bloom"}, {"n_head", 4}});
  EXPECT_EQ(attention(four, 0).alibi->slopes,
            (std::vector<double>{0.25, 0.0625, 0.015625, 0.00390625}));
  const Spec three = read({{"model_type", "bloom"}, {"n_head", 3}, {"hidden_size", 63}});
  EXPECT_EQ(attention(three, 0).alibi->slopes, (std::vector<double>{0.0625, 0.00390625, 0.25}));
  const Spec falcon = read({{"model_type", "falcon"}, {"alibi", true}});
  EXPECT_TRUE(attention(falcon, 0).alibi->before_scale);
  EXPECT_FALSE(attention(falcon, 0).rope.has_value());
}

TEST(DenseConfig, ScoresAreScaledAsTheSwitchesSay) {
  const Json small = {{"model_type", "gpt2"}, {"n_embd", 64}, {"n_head", 4}, {"n_layer", 2}};
  Json config = small;
  config["scale_attn_weights"] = false;
  EXPECT_EQ(attention(read(config), 1).scale, 1.0);
  config = small;
  config["scale_attn_by_inverse_layer_idx"] = true;
  EXPECT_EQ(attention(read(config), 0).scale, 0.25);
  EXPECT_EQ(attention(read(config), 1).scale, 0.125);
  EXPECT_EQ(attention(read({{"model_type", "gpt_neo"}}), 0).scale, 1.0);
}

TEST(DenseConfig, RopesHaveOtherNamesForTheirNumbers) {
  const Spec spec = read({{"model_type", "gpt_neox"},
                          {"hidden_size", 64},
                          {"num_attention_heads", 4},
                          {"rotary_pct", 0.5},
                          {"rotary_emb_base", 500}});
  EXPECT_EQ(attention(spec, 0).rope->rotary_dim, 8);
  EXPECT_EQ(attention(spec, 0).rope->theta, 500.0);
  EXPECT_NE(refusal_of({{"model_type", "gpt_neox"}, {"rotary_emb_base", 500}, {"rope_theta", 600}})
                .find("rope_theta"),
            std::string::npos);
}

TEST(DenseConfig, NormsStandWhereTheSwitchesSay) {
  const Spec post = read({{"model_type", "opt"}, {"do_layer_norm_before", false}});
  EXPECT_FALSE(post.final_norm.has_value());
  EXPECT_TRUE(post.layers[0].mixer_sum_norm && !post.layers[0].mixer_norm);
  const Spec parallel = read({{"model_type", "gpt_neox"}});
  EXPECT_TRUE(parallel.layers[0].parallel && parallel.layers[0].ffn_norm);
  const Spec one = read({{"model_type", "falcon"}});
  EXPECT_TRUE(one.layers[0].parallel && !one.layers[0].ffn_norm);
  const Spec two =
      read({{"model_type", "falcon"}, {"new_decoder_architecture", true}, {"num_kv_heads", 1}});
  EXPECT_TRUE(two.layers[0].parallel && two.layers[0].ffn_norm);
  EXPECT_TRUE(read({{"model_type", "bloom"}, {"apply_residual_connection_post_layernorm", true}})
                  .layers[0]
                  .residual_normed);
}

struct Refused {
  const char* config;
  const char* key;
};

constexpr Refused kRefused[] = {
    {R"({"model_type": "gpt2", "add_cross_attention": true})", "add_cross_attention"},
    {R"({"model_type": "mpt", "attn_config": {"alibi": false}})", "alibi"},
    {R"({"model_type": "mpt", "attn_config": {"alibi_bias_max": 4}})", "alibi_bias_max"},
    {R"({"model_type": "mpt", "no_bias": false})", "no_bias"},
    {R"({"model_type": "bloom", "slow_but_exact": true})", "slow_but_exact"},
    {R"({"model_type": "falcon", "new_decoder_architecture": true, "parallel_attn": false})",
     "parallel_attn"},
    {R"({"model_type": "falcon", "num_ln_in_parallel_attn": 2})", "num_ln_in_parallel_attn"},
    {R"({"model_type": "gptj", "rotary_dim": 7})", "rotary_dim"},
    {R"({"model_type": "codegen", "n_embd": 60, "n_head": 6, "rotary_dim": 4})", "n_head"},
    {R"({"model_type": "gpt_neo", "num_layers": 3})", "attention_types"},
    {R"({"model_type": "xglm", "pad_token_id": 5})", "pad_token_id"},
    {R"({"model_type": "openai-gpt", "afn": "tanh"})", "afn"},
    {R"({"model_type": "granite_swa", "layer_rope_theta": [1]})", "layer_rope_theta"},
};

TEST(DenseConfig, WhatIsNotSupportedIsRefusedByName) {
  for (const Refused& one : kRefused) {
    EXPECT_NE(refusal_of(Json::parse(one.config)).find(one.key), std::string::npos) << one.config;
  }
}

}  // namespace
}  // namespace plumb::model
