// Meta checkpoints: a params.json beside *.safetensors, read as ExecuTorch's ModelArgs.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "fixtures/presets.h"
#include "graph/builder.h"
#include "graph/printer.h"
#include "model/model.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/files.h"
#include "tests/support/model.h"
#include "tests/support/refusal.h"

namespace plumb::model {
namespace {

using base::Json;
using tests::bf16_tensor;
using tests::write_text;

constexpr const char* kPlain =
    R"({"vocab_size": 97, "dim": 40, "hidden_dim": 72, "n_layers": 2, "n_heads": 4})";

Spec read_params(const Json& params) {
  return read_config_file("params.json", params).spec;
}

std::string forward(const char* changes) {
  Json params = Json::parse(kPlain);
  params.merge_patch(Json::parse(changes));
  return graph::to_text(graph::build(read_params(params)));
}

std::string refusal_of(const char* changes) {
  Json params = Json::parse(kPlain);
  params.update(Json::parse(changes));  // null stays
  return tests::refusal([&] { graph::build(read_params(params)); });
}

// How often an op stands in a printed graph.
int count(const std::string& text, const std::string& op) {
  int found = 0;
  for (size_t at = text.find(op); at != std::string::npos; at = text.find(op, at + 1)) ++found;
  return found;
}

TEST(MetaCheckpoint, NamesNoModelTypeAndIsReadByItsFile) {
  const tests::SyntheticModel model(fixtures::preset_config("rlformers", "tiny"));
  EXPECT_EQ(tests::list_files(model.folder.path()),
            (std::vector<std::string>{"model.safetensors", "params.json"}));
  EXPECT_FALSE(model.checkpoint.config().contains("model_type"));
  EXPECT_EQ(model.config.spec.model_type, "rlformers");
  EXPECT_EQ(model.checkpoint.config_file().filename(), "params.json");
}

TEST(MetaCheckpoint, TakesModelArgsDefaults) {
  const Spec spec = read_params(Json::object());
  const auto& attention = std::get<AttentionSpec>(spec.layers.at(0).mixer);
  EXPECT_EQ(spec.vocab_size, 512);
  EXPECT_EQ(spec.hidden_size, 4096);
  EXPECT_EQ(spec.layers.size(), 1U);
  EXPECT_EQ(attention.num_attention_heads, 32);
  EXPECT_EQ(attention.num_key_value_heads, 32);
  EXPECT_EQ(attention.head_dim, 128);
  EXPECT_EQ(spec.final_norm->eps, 1e-5);
  EXPECT_FALSE(spec.tie_word_embeddings);
  EXPECT_EQ(attention.rope->theta, 1e4);
  EXPECT_EQ(attention.rope->pairs, RopePairs::kInterleaved);
  EXPECT_EQ(std::get<MlpSpec>(spec.layers[0].ffn).intermediate_size, 11008);
}

// Llama 2 13B, Llama 3 8B and Llama 3.2 1B as published.
TEST(MetaCheckpoint, DerivesTheWidthOfTheFeedForward) {
  const auto width = [](const char* params) {
    return std::get<MlpSpec>(read_params(Json::parse(params)).layers[0].ffn).intermediate_size;
  };
  EXPECT_EQ(width(R"({"dim": 5120, "n_heads": 40, "multiple_of": 256})"), 13824);
  EXPECT_EQ(width(R"({"dim": 4096, "ffn_dim_multiplier": 1.3, "multiple_of": 1024})"), 14336);
  EXPECT_EQ(width(R"({"dim": 2048, "ffn_dim_multiplier": 1.5, "multiple_of": 256})"), 8192);
  EXPECT_EQ(width(R"({"dim": 2048, "ffn_dim_multiplier": 1.5, "hidden_dim": 5000})"), 5000);
}

TEST(MetaCheckpoint, EachFeatureAddsItsOps) {
  const std::string plain = forward("{}");
  const int norms = count(plain, "= rms_norm");
  EXPECT_EQ(norms, 5);
  EXPECT_EQ(count(forward(R"({"normalize_tok_embeddings": true})"), "= rms_norm"), norms + 1);
  EXPECT_EQ(count(forward(R"({"use_qk_norm": true})"), "= rms_norm"), norms + 4);
  EXPECT_EQ(count(forward(R"({"use_qk_norm": true, "scale_query_by": 2})"), "= scale"), 2);
  EXPECT_EQ(count(forward(R"({"use_attn_o_norm": true})"), "= rms_norm"), norms + 2);
  EXPECT_EQ(count(forward(R"({"use_attn_o_gate": true})"), "= gate("), 2);
  const std::string gated = forward(R"({"use_residual_gate": true})");
  EXPECT_EQ(count(gated, "= gated_residual"), 4);
  EXPECT_EQ(count(gated, "= add("), 0);
  EXPECT_EQ(count(gated, "= rms_norm"), norms + 2);  // after attention, not after the other
  EXPECT_EQ(count(forward(R"({"use_ffn_learnable_scales": true})"), "input_scaled=true"), 2);
  EXPECT_EQ(count(forward(R"({"output_soft_cap_temp": 20})"), "= soft_cap"), 1);
}

TEST(MetaCheckpoint, QkNormStandsOnTheSideOfTheRopeThatTheKeySays) {
  const std::string before = forward(R"({"use_qk_norm": true, "qk_norm_before_rope": true})");
  const std::string after = forward(R"({"use_qk_norm": true})");
  EXPECT_LT(before.find("layers.0.q_norm"), before.find("= rope"));
  EXPECT_GT(after.find("layers.0.q_norm"), after.find("= rope"));
}

// As in ExecuTorch, which reads them where their partner is on.
TEST(MetaCheckpoint, AKeyWhosePartnerIsOffHasNoEffect) {
  const std::string plain = forward("{}");
  for (const char* idle :
       {R"({"scale_query_by": 2.0})", R"({"qk_norm_before_rope": true})",
        R"({"qk_norm_affine": false})", R"({"partial_rotary_factor": 0.5})",
        R"({"rope_scale_factor": 32, "high_freq_factor": 2})", R"({"rope_freq_base": 10000})",
        R"({"max_seq_len": 128, "max_context_len": 9, "max_batch_size": 2, "use_kv_cache": true})",
        R"({"max_position_embeddings": 128, "generate_full_logits": true, "device": "cpu"})",
        R"({"moe": false, "num_kv_shared_layers": 0, "act_fn": "silu", "bos_idx": 7})"}) {
    EXPECT_EQ(forward(idle), plain) << idle;
  }
  EXPECT_EQ(forward(R"({"use_hf_rope": true, "use_scaled_rope": true})"),
            forward(R"({"use_hf_rope": true})"));
  EXPECT_NE(forward(R"({"use_scaled_rope": true})"), plain);
}

const AttentionSpec& attention_of(const Spec& spec, size_t layer) {
  return std::get<AttentionSpec>(spec.layers.at(layer).mixer);
}

Spec read_changed(const char* changes) {
  Json params = Json::parse(kPlain);
  params.merge_patch(Json::parse(changes));
  return read_params(params);
}

// The keys of Granite, Gemma 2, SmolLM3, GLM and Qwen3.5 in ExecuTorch's examples.
TEST(MetaCheckpoint, ReadsWhatTheStaticDecoderAloneHas) {
  const Spec granite = read_changed(R"({"attention_multiplier": 0.015625, "logits_scaling": 8.0,
      "embedding_scale_factor": 12.0, "residual_multiplier": 0.22, "use_hf_rope": false})");
  EXPECT_EQ(attention_of(granite, 0).scale, 0.015625);
  EXPECT_EQ(granite.logit_multiplier, 0.125);
  EXPECT_EQ(granite.embedding_multiplier, 12.0);
  EXPECT_EQ(granite.layers[1].residual_multiplier, 0.22);
  EXPECT_EQ(attention_of(granite, 0).rope->pairs, RopePairs::kHalves);

  const Spec gemma = read_changed(R"({"act_fn": "gelu_approx", "norm_type": "gemma3",
      "post_attention_norm": true, "post_ffn_norm": true, "local_rope_theta": 5e3,
      "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0, "sliding_window": 4,
      "layer_types": ["local", "global", "local"], "use_hf_rope": true})");
  EXPECT_EQ(std::get<MlpSpec>(gemma.layers[0].ffn).activation, Activation::kGeluTanh);
  EXPECT_TRUE(gemma.final_norm->unit_offset && gemma.layers[0].ffn_post_norm->unit_offset);
  EXPECT_EQ(attention_of(gemma, 0).sliding_window, 4);
  EXPECT_EQ(attention_of(gemma, 0).rope->theta, 5e3);
  EXPECT_EQ(attention_of(gemma, 1).sliding_window, 0);
  EXPECT_EQ(attention_of(gemma, 1).rope->theta, 1e4);
  EXPECT_EQ(attention_of(gemma, 1).soft_cap, 50.0);
  EXPECT_EQ(gemma.final_soft_cap, 30.0);

  const Spec smollm = read_changed(R"({"no_rope_layer_interval": 2, "use_hf_rope": false})");
  EXPECT_TRUE(attention_of(smollm, 0).rope.has_value());
  EXPECT_FALSE(attention_of(smollm, 1).rope.has_value());

  const Spec glm = read_changed(R"({"model_architecture": "GlmForCausalLM", "use_hf_rope": true})");
  EXPECT_EQ(attention_of(glm, 0).rope->pairs, RopePairs::kInterleaved);

  const Spec qwen = read_changed(R"({"use_q_gate": true, "rms_norm_add_unit_offset": true,
      "use_hf_rope": true, "linear_key_head_dim": 6, "linear_num_value_heads": 8,
      "layer_types": ["linear_attention", "full_attention"]})");
  EXPECT_EQ(std::get<GatedDeltaNetSpec>(qwen.layers[0].mixer).key_dim, 6);
  EXPECT_EQ(std::get<GatedDeltaNetSpec>(qwen.layers[0].mixer).num_value_heads, 8);
  EXPECT_TRUE(attention_of(qwen, 1).output_gate);
  EXPECT_TRUE(qwen.layers[0].ffn_norm->unit_offset);
}

TEST(MetaCheckpoint, ReadsLongRope) {
  const Spec spec = read_changed(R"({"use_hf_rope": true, "rope_scaling_short_factor":
      [1, 1, 1, 1, 1], "rope_scaling_long_factor": [1, 2, 3, 4, 5],
      "original_max_position_embeddings": 16, "max_position_embeddings": 256})");
  const RopeSpec& rope = *attention_of(spec, 0).rope;
  EXPECT_EQ(rope.scaling.kind, RopeScaling::Kind::kLongRope);
  EXPECT_EQ(rope.scaling.long_factor.back(), 5.0);
  EXPECT_DOUBLE_EQ(rope.attention_factor, std::sqrt(2.0));
}

TEST(MetaCheckpoint, PacksWhatItsDecodersPack) {
  const auto tensors = [](const char* changes) {
    Json params = Json::parse(kPlain);
    params.merge_patch(Json::parse(changes));
    const ModelConfig model = read_config_file("params.json", params);
    std::map<std::string, std::vector<int64_t>> shapes;
    for (const FileTensor& tensor : lay_out(graph::build(model.spec).weights, model.names,
                                            [](const std::string&) { return false; })) {
      shapes[tensor.name] = tensor.shape;
    }
    return shapes;
  };
  using Shape = std::vector<int64_t>;
  const auto gated = tensors(R"({"use_q_gate": true})");
  EXPECT_EQ(gated.at("layers.0.attention.wq.weight"), (Shape{80, 40}));
  EXPECT_FALSE(gated.contains("layers.0.attention.og.weight"));
  const auto glm = tensors(R"({"model_architecture": "GlmForCausalLM"})");
  EXPECT_EQ(glm.at("layers.0.feed_forward.gate_up_proj.weight"), (Shape{144, 40}));
  EXPECT_EQ(glm.at("layers.1.feed_forward.down_proj.weight"), (Shape{40, 72}));
  const auto net = tensors(R"({"layer_types": ["linear_attention", "full_attention"]})");
  EXPECT_EQ(net.at("layers.0.attention.in_proj_qkv.weight"), (Shape{120, 40}));
  EXPECT_EQ(net.at("layers.0.attention.conv1d.weight"), (Shape{120, 1, 4}));
}

TEST(MetaCheckpoint, RefusesKeysWithoutAMeaningHere) {
  struct Row {
    const char* changes;
    const char* named;
  };
  constexpr Row kRows[] = {
      // Of transformers' configs.
      {R"({"model_type": "llama"})", "model_type"},
      {R"({"torch_dtype": "bfloat16"})", "torch_dtype"},
      {R"({"tie_word_embeddings": true})", "tie_word_embeddings"},
      {R"({"hidden_size": 40})", "hidden_size"},
      // Of ModelArgs, changing the forward in ways that are not supported, or read by nothing.
      {R"({"act_fn": "tanh"})", "act_fn"},
      {R"({"norm_type": "groupnorm"})", "norm_type"},
      {R"({"model_architecture": "CodeGenModel"})", "model_architecture"},
      {R"({"output_bias": true})", "output_bias"},
      {R"({"moe": true})", "moe"},
      {R"({"layer_types": ["skip_attention", "attention"]})", "layer_types"},
      {R"({"num_kv_shared_layers": 1})", "num_kv_shared_layers"},
      {R"({"layer_types": ["conv", "full_attention"]})", "layer_types"},
      {R"({"layer_types": ["full_attention"]})", "layer_types"},
      {R"({"layer_types": ["full_attention", "sliding_attention"]})", "layer_types"},
      {R"({"use_q_gate": true, "use_attn_o_gate": true})", "use_q_gate"},
      {R"({"local_rope_theta": 1e4})", "local_rope_theta"},
      {R"({"rope_scaling_long_factor": [1, 1, 1, 1, 1]})", "rope_scaling_long_factor"},
      {R"({"use_hf_rope": true, "rope_scaling_long_factor": [1, 1, 1, 1, 1]})",
       "original_max_position_embeddings"},
      {R"({"use_hf_rope": true, "rope_scaling_long_factor": [1, 1, 1, 1, 1],
           "original_max_position_embeddings": 16})",
       "max_position_embeddings"},
      {R"({"use_hf_rope": true, "rope_scaling_short_factor": [1, 1, 1],
           "original_max_position_embeddings": 16, "max_position_embeddings": 64})",
       "rope_scaling_short_factor"},
      {R"({"rope_scaling_attention_factor": 1.1})", "rope_scaling_attention_factor"},
      {R"({"use_residual_gate": true, "residual_multiplier": 0.5})", "use_residual_gate"},
      {R"({"output_soft_cap_temp": 5, "final_logit_softcapping": 30})", "output_soft_cap_temp"},
      {R"({"sliding_window": 4})", "sliding_window"},
      {R"({"final_logit_softcapping": 0})", "final_logit_softcapping"},
      {R"({"embedding_scale_factor": 0})", "embedding_scale_factor"},
      {R"({"no_rope_layer_interval": 0})", "no_rope_layer_interval"},
      {R"({"quantization_args": {}})", "quantization_args"},
      // Values that cannot be meant.
      {R"({"output_soft_cap_temp": 0})", "output_soft_cap_temp"},
      {R"({"n_kv_heads": 3})", "n_kv_heads"},
      {R"({"head_dim": 7})", "head_dim"},
      {R"({"use_hf_rope": true, "head_dim": 10, "partial_rotary_factor": 0.5})",
       "partial_rotary_factor"},
      {R"({"hidden_dim": null, "ffn_dim_multiplier": 1e12})", "ffn_dim_multiplier"},
      {R"({"use_scaled_rope": true, "high_freq_factor": 1})", "high_freq_factor"},
      {R"({"use_qk_norm": null})", "use_qk_norm"},
      {R"({"scale_query_by": -1.0})", "scale_query_by"},
  };
  for (const Row& row : kRows) {
    const std::string line = refusal_of(row.changes);
    EXPECT_TRUE(line.starts_with("params.json: " + std::string(row.named)))
        << row.changes << ": " << line;
  }
  EXPECT_EQ(refusal_of(R"({"n_kv_heads": null, "head_dim": null, "hidden_dim": null,
                           "rope_theta": null, "output_soft_cap_temp": null})"),
            "");
}

class MetaFolder : public testing::Test {
 protected:
  void write(const char* name, const std::vector<tests::BuiltTensor>& tensors) {
    write_text(folder_ / name, tests::build_safetensors(tensors));
  }
  void refuses(const char* named) {
    const std::string line = tests::refusal([&] { read_config(Checkpoint(folder_)); });
    EXPECT_NE(line.find(named), std::string::npos) << "'" << line << "' names " << named;
  }

  base::TemporaryFolder owned_;
  std::filesystem::path folder_ = owned_.path();
};

TEST_F(MetaFolder, HoldsAnyNumberOfFiles) {
  write_text(folder_ / "params.json", "{}");
  refuses("*.safetensors");
  write("consolidated.safetensors", {bf16_tensor("a", {2})});
  write("more.safetensors", {bf16_tensor("b", {2})});
  write_text(folder_ / "tokenizer.model", "not part of it");
  EXPECT_EQ(Checkpoint(folder_).tensors().size(), 2U);
  write("more.safetensors", {bf16_tensor("a", {2})});
  refuses(": a: ");  // it stands in both
}

TEST_F(MetaFolder, MayHaveAnIndex) {
  write_text(folder_ / "params.json", "{}");
  write("x.safetensors", {bf16_tensor("a", {2})});
  write("y.safetensors", {bf16_tensor("b", {2})});
  tests::write_index(folder_, {{"a", "x.safetensors"}, {"b", "y.safetensors"}});
  EXPECT_EQ(Checkpoint(folder_).tensors().size(), 2U);
  tests::write_index(folder_, {{"a", "x.safetensors"}, {"c", "y.safetensors"}});
  refuses(": c: ");
}

TEST_F(MetaFolder, IsNotAHuggingFaceFolderToo) {
  write_text(folder_ / "params.json", "{}");
  write_text(folder_ / "config.json", "{}");
  write("model.safetensors", {bf16_tensor("a", {2})});
  refuses("params.json");
  std::filesystem::remove(folder_ / "params.json");
  write_text(folder_ / "config.json", R"({"model_type": "rlformers"})");
  refuses("model_type");
}

// As for config.json; by another implementation (Python).
TEST_F(MetaFolder, HasTheFingerprintOfTheFormat) {
  write_text(folder_ / "params.json", "{\"dim\": 40}\n");
  write_text(
      folder_ / "a.safetensors",
      tests::safetensors_bytes(R"({"t":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", "abcd"));
  EXPECT_EQ(Checkpoint(folder_).sha256(),
            "c4fe83a1fc6261b0a943808f6023752457cf59356a8cd5461dfa7228babf6f68");
}

}  // namespace
}  // namespace plumb::model
