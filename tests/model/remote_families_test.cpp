// Families whose code transformers does not have: what their published files hold, what is refused.
#include <gtest/gtest.h>

#include "fixtures/presets.h"
#include "graph/builder.h"
#include "model/model.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/files.h"
#include "tests/support/model.h"
#include "tests/support/refusal.h"

namespace plumb::model {
namespace {

using base::Json;

Json patched(const char* family, const char* changes) {
  Json config = fixtures::preset_config(family, "tiny");
  config.merge_patch(Json::parse(changes));
  return config;
}

Spec read(const Json& config) {
  return read_config(config, "config.json").spec;
}

const AttentionSpec& attention(const Spec& spec, size_t layer) {
  return std::get<AttentionSpec>(spec.layers.at(layer).mixer);
}

// The configs of MiMo-7B-Base, EXAONE-3.5-2.4B, InternLM2.5-7B, InternLM3-8B and Baichuan-M1-14B.
struct Published {
  const char* config;
  int layers, heads, kv_heads, head_dim;
  RopeScaling::Kind rope;
  bool tied;
};

constexpr Published kPublished[] = {
    {R"({"model_type": "mimo", "architectures": ["MiMoForCausalLM"], "attention_bias": true,
         "attention_dropout": 0.0, "auto_map": {}, "bos_token_id": 151643, "eos_token_id": 151643,
         "head_dim": 128, "hidden_act": "silu", "hidden_size": 4096, "initializer_range": 0.02,
         "intermediate_size": 11008, "max_position_embeddings": 32768, "max_window_layers": 28,
         "num_attention_heads": 32, "num_hidden_layers": 36, "num_key_value_heads": 8,
         "num_nextn_predict_layers": 1, "rms_norm_eps": 1e-05, "rope_scaling": null,
         "rope_theta": 640000, "sliding_window": 32768, "tie_word_embeddings": false,
         "torch_dtype": "bfloat16", "transformers_version": "4.40.1", "use_cache": true,
         "use_mrope": false, "use_sliding_window": false, "vocab_size": 151680})",
     36, 32, 8, 128, RopeScaling::Kind::kDefault, false},
    {R"({"model_type": "exaone", "activation_function": "silu", "attention_dropout": 0.0,
         "embed_dropout": 0.0, "head_dim": 80, "hidden_size": 2560, "intermediate_size": 7168,
         "initializer_range": 0.02, "layer_norm_epsilon": 1e-05, "max_position_embeddings": 32768,
         "num_attention_heads": 32, "num_key_value_heads": 8, "num_layers": 30, "pad_token_id": 0,
         "rope_scaling": {"factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
         "original_max_position_embeddings": 8192, "rope_type": "llama3"}, "rope_theta": 1000000,
         "tie_word_embeddings": true, "use_cache": true, "vocab_size": 102400})",
     30, 32, 8, 80, RopeScaling::Kind::kLlama3, true},
    {R"({"model_type": "internlm2", "attn_implementation": "eager", "bias": false,
         "hidden_act": "silu", "hidden_size": 4096, "intermediate_size": 14336,
         "max_position_embeddings": 32768, "num_attention_heads": 32, "num_hidden_layers": 32,
         "num_key_value_heads": 8, "pad_token_id": 2, "pretraining_tp": 1, "rms_norm_eps": 1e-05,
         "rope_scaling": {"type": "dynamic", "factor": 2.0}, "rope_theta": 1000000,
         "tie_word_embeddings": false, "use_cache": true, "vocab_size": 92544})",
     32, 32, 8, 128, RopeScaling::Kind::kDynamic, false},
    {R"({"model_type": "internlm3", "attention_dropout": 0.0, "bias": false, "head_dim": 128,
         "hidden_act": "silu", "hidden_size": 4096, "intermediate_size": 10240,
         "max_position_embeddings": 32768, "num_attention_heads": 32, "num_hidden_layers": 48,
         "num_key_value_heads": 2, "qkv_bias": false, "rms_norm_eps": 1e-05,
         "rope_scaling": {"factor": 6.0, "rope_type": "dynamic"}, "rope_theta": 50000000,
         "tie_word_embeddings": false, "use_cache": true, "vocab_size": 128512})",
     48, 32, 2, 128, RopeScaling::Kind::kDynamic, false},
    {R"({"model_type": "baichuan_m1", "conv_window": 2, "hidden_act": "silu", "hidden_size": 5120,
         "intermediate_size": 17408, "max_position_embeddings": 32768, "num_attention_heads": 20,
         "num_hidden_layers": 40, "num_key_value_heads": 2, "num_swa_attention_heads": 40,
         "num_swa_key_value_heads": 8, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0,
         "sliding_window": 8192, "sliding_window_layers": [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21,
         23, 25, 27, 29, 31, 33, 35, 37, 39], "tie_word_embeddings": false, "vocab_size": 133120})",
     40, 20, 2, 256, RopeScaling::Kind::kDefault, false},
};

TEST(RemoteFamilies, ReadTheirPublishedConfigs) {
  for (const Published& known : kPublished) {
    const Spec spec = read(Json::parse(known.config));
    SCOPED_TRACE(spec.model_type);
    const AttentionSpec& first = attention(spec, 0);
    EXPECT_EQ(spec.layers.size(), static_cast<size_t>(known.layers));
    EXPECT_EQ(first.num_attention_heads, known.heads);
    EXPECT_EQ(first.num_key_value_heads, known.kv_heads);
    EXPECT_EQ(first.head_dim, known.head_dim);
    EXPECT_EQ(first.rope->scaling.kind, known.rope);
    EXPECT_EQ(spec.tie_word_embeddings, known.tied);
    EXPECT_EQ(first.sliding_window, 0);
  }
  const Spec baichuan = read(Json::parse(kPublished[4].config));
  EXPECT_EQ(attention(baichuan, 1).num_attention_heads, 40);
  EXPECT_EQ(attention(baichuan, 1).num_key_value_heads, 8);
  EXPECT_EQ(attention(baichuan, 1).head_dim, 128);
  EXPECT_EQ(attention(baichuan, 1).sliding_window, 8192);
}

TEST(RemoteFamilies, TakeTheirClassDefaults) {
  const Spec exaone = read({{"model_type", "exaone"}, {"hidden_size", 1024}});
  EXPECT_TRUE(exaone.tie_word_embeddings);
  EXPECT_EQ(exaone.final_norm->eps, 1e-5);
  EXPECT_EQ(std::get<MlpSpec>(exaone.layers[0].ffn).intermediate_size, 4096);
  const Spec internlm2 = read({{"model_type", "internlm2"}});
  EXPECT_TRUE(attention(internlm2, 0).qkv_bias);
  EXPECT_TRUE(attention(internlm2, 0).o_bias);
  EXPECT_FALSE(std::get<MlpSpec>(internlm2.layers[0].ffn).bias);
  const Spec internlm3 = read({{"model_type", "internlm3"}});
  EXPECT_FALSE(attention(internlm3, 0).qkv_bias);
  EXPECT_EQ(attention(internlm3, 0).num_key_value_heads, 2);
}

// The names that transformers saves InternLM3's flags under.
TEST(RemoteFamilies, InternLm3HasTwoNamesForItsFlags) {
  const Spec saved = read(patched("internlm3", R"({"qkv_bias": null, "bias": null,
                                                   "attention_bias": true, "mlp_bias": false})"));
  EXPECT_TRUE(attention(saved, 0).qkv_bias);
  EXPECT_FALSE(attention(saved, 0).o_bias);
  EXPECT_NE(tests::refusal([] {
              read(patched("internlm3", R"({"attention_bias": true})"));
            }).find("attention_bias"),
            std::string::npos);
}

TEST(RemoteFamilies, RefuseByName) {
  struct Row {
    const char* family;
    const char* changes;
    const char* named;
  };
  constexpr Row kRows[] = {
      {"mimo", R"({"use_sliding_window": true})", "use_sliding_window"},
      {"mimo", R"({"attention_bias": false})", "attention_bias"},
      {"mimo", R"({"use_mrope": true})", "use_mrope"},
      {"exaone", R"({"num_hidden_layers": 4})", "num_hidden_layers"},
      {"exaone", R"({"hidden_act": "silu"})", "hidden_act"},
      {"exaone", R"({"activation_function": "sliu"})", "activation_function"},
      {"exaone", R"({"layer_norm_epsilon": 0})", "layer_norm_epsilon"},
      {"internlm2", R"({"head_dim": 16})", "head_dim"},
      {"internlm2", R"({"rope_scaling": {"type": "yarn", "factor": 2.0}})", "rope_scaling"},
      {"internlm2", R"({"num_attention_heads": 5, "num_key_value_heads": 5})",
       "num_attention_heads"},
      {"internlm2", R"({"qkv_bias": true})", "qkv_bias"},
      {"baichuan_m1", R"({"conv_window": 3})", "conv_window"},
      {"baichuan_m1", R"({"sliding_window": null})", "sliding_window"},
      {"baichuan_m1", R"({"sliding_window_layers": null})", "sliding_window_layers"},
      {"baichuan_m1", R"({"sliding_window_layers": [0.5]})", "sliding_window_layers"},
      {"baichuan_m1", R"({"sliding_window_layers": [-1]})", "sliding_window_layers"},
      {"baichuan_m1", R"({"num_swa_attention_heads": 5})", "num_swa_attention_heads"},
      {"baichuan_m1", R"({"num_swa_attention_heads": 48})", "head_dim"},
      {"baichuan_m1", R"({"num_swa_key_value_heads": 3})", "num_swa_key_value_heads"},
      {"baichuan_m1", R"({"rope_scaling": {"rope_type": "linear", "factor": 2.0}})",
       "rope_scaling"},
      {"baichuan_m1", R"({"head_dim": 16})", "head_dim"},
  };
  for (const Row& row : kRows) {
    const std::string line =
        tests::refusal([&] { graph::build(read(patched(row.family, row.changes))); });
    EXPECT_NE(line.find(row.named), std::string::npos)
        << row.family << " " << row.changes << ": " << line;
  }
}

TEST(RemoteFamilies, BaichuanM1SlidesInTheLayersOfItsList) {
  const Spec spec = read(patched("baichuan_m1", R"({"sliding_window_layers": [0, 3, 17],
      "num_swa_attention_heads": null, "num_swa_key_value_heads": null})"));
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    EXPECT_EQ(attention(spec, i).sliding_window, i == 0 || i == 3 ? 7 : 0) << i;
    EXPECT_EQ(attention(spec, i).num_attention_heads, 4) << i;  // absent: as in the others
  }
}

// A checkpoint of `family` with one more tensor.
std::string refusal_beside(const char* family, const std::string& extra) {
  const tests::SyntheticModel model(fixtures::preset_config(family, "tiny"));
  const std::filesystem::path file = model.folder.path() / "model.safetensors";
  std::vector<tests::BuiltTensor> tensors = tests::take_apart(file);
  tensors.push_back(tests::bf16_tensor(extra, {2}));
  tests::write_text(file, tests::build_safetensors(tensors));
  return tests::refusal([&] {
    const Checkpoint checkpoint(model.folder.path());
    Weights(checkpoint, model.graph.weights, model.config.names);
  });
}

TEST(RemoteFamilies, IgnoreTensorsByNamedRulesAlone) {
  EXPECT_EQ(refusal_beside("mimo", "model.mtp_layers.0.input_proj.weight"), "");
  EXPECT_NE(refusal_beside("mimo", "model.mtp.0.input_proj.weight"), "");
  EXPECT_EQ(refusal_beside("rlformers", "rope.freqs"), "");
  EXPECT_NE(refusal_beside("rlformers", "layers.0.attention.o_norm.weight"), "");
  EXPECT_EQ(refusal_beside("internlm2", "model.layers.0.attention.rotary_emb.inv_freq"), "");
  EXPECT_NE(refusal_beside("internlm2", "model.layers.0.attention.wq.weight"), "");
  EXPECT_NE(refusal_beside("baichuan_m1", "model.layers.0.self_attn.q_proj.weight"), "");
  EXPECT_NE(refusal_beside("exaone", "transformer.h.0.attn.attention.q_proj.bias"), "");
}

}  // namespace
}  // namespace plumb::model
