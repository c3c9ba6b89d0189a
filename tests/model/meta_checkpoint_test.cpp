// Meta checkpoints: a params.json beside *.safetensors, read as ExecuTorch's ModelArgs.
#include <gtest/gtest.h>

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
  EXPECT_EQ(spec.final_norm.eps, 1e-5);
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
      {R"({"act_fn": "gelu"})", "act_fn"},
      {R"({"moe": true})", "moe"},
      {R"({"layer_types": ["skip_attention", "attention"]})", "layer_types"},
      {R"({"num_kv_shared_layers": 1})", "num_kv_shared_layers"},
      {R"({"rms_norm_add_unit_offset": true})", "rms_norm_add_unit_offset"},
      {R"({"use_q_gate": true})", "use_q_gate"},
      {R"({"sliding_window": 4})", "sliding_window"},
      {R"({"final_logit_softcapping": 30.0})", "final_logit_softcapping"},
      {R"({"embedding_scale_factor": 2.0})", "embedding_scale_factor"},
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
