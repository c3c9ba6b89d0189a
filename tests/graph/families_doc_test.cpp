// docs/families.md: what each family's cases turn on, written from the registry and the catalogue.
//
// To approve a change: PLUMB_APPROVE=1 build/release/test_graph --gtest_filter='*Golden*'
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>

#include "model/model.h"
#include "tests/support/files.h"
#include "tests/support/model.h"

namespace plumb::model {
namespace {

using Features = std::set<std::string>;

// The pull requests that the project comes from, and the families that each names.
struct Seed {
  const char* name;
  std::vector<std::string_view> families;
};
const Seed kSeeds[] = {
    {"dense pack (#558)",
     {"llama", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "smollm3", "olmo2", "olmo3"}},
    {"Llama-family pack (#560)",
     {"seed_oss", "mimo", "internlm3", "exaone", "ernie4_5", "mistral", "ministral", "ministral3",
      "mistral3", "exaone4", "internlm2", "glm4", "glm4_moe_lite", "solar_open", "apertus",
      "hunyuan_v1_dense", "baichuan_m1"}},
    {"MoE primitive", {"qwen2_moe", "qwen3_moe", "mixtral"}},
    {"hybrid (#17801, #18088)", {"qwen3_5_text", "qwen3_5", "qwen3_next"}},
    {"rlformers (#19096)", {"rlformers"}},
    {"neighbours",
     {"deepseek_v3", "gpt_oss", "granite", "cohere2", "phi3", "stablelm", "starcoder2", "olmoe",
      "nemotron"}},
    {"wrappers and renamings", {"gemma3", "qwen3_5_moe_text", "qwen3_5_moe", "kimi_k2"}},
    {"decoders that are flags", {"cwm", "arcee", "helium", "glm", "cohere", "glm4_moe", "dots1"}},
    {"dense decoders of the first 98", {"gpt2",        "gpt-sw3",     "gpt_neox",
                                        "phi",         "gptj",        "codegen",
                                        "falcon",      "bloom",       "mpt",
                                        "opt",         "gpt_bigcode", "gpt_neo",
                                        "olmo",        "persimmon",   "jais2",
                                        "iquestcoder", "vaultgemma",  "hyperclovax",
                                        "bitnet",      "granite_swa", "gpt_neox_japanese",
                                        "xglm",        "biogpt",      "ctrl",
                                        "openai-gpt",  "nanochat",    "modernbert-decoder"}},
    {"experts of every routing",
     {"minimax_m2", "granitemoe", "granitemoeshared", "granitemoe_swa", "hunyuan_v1_moe",
      "ernie4_5_moe", "exaone_moe", "hy_v3", "afmoe", "cohere2_moe", "mimo_v2_flash", "flex_olmo",
      "mellum", "dbrx", "aria_text", "kolibri1", "flint", "beam", "laguna"}},
    {"latents, short convolutions, delta rules",
     {"deepseek_v2", "axk1", "youtu", "minicpm3", "lfm2", "lfm2_moe", "lfm3", "olmo_hybrid"}},
};

void add(Features& features, bool on, const std::string& name) {
  if (on) features.insert(name);
}

void describe(const RopeSpec& rope, int head_dim, Features& features) {
  add(features, rope.scaling.kind != RopeScaling::Kind::kDefault,
      "rope " + std::string(to_text(rope.scaling.kind)));
  add(features, rope.pairs != RopePairs::kHalves, "interleaved rope");
  add(features, rope.rotary_dim < head_dim, "partial rope");
  add(features, rope.clockwise, "clockwise rope");
}

void describe(const AttentionSpec& a, Features& features) {
  add(features, a.num_key_value_heads < a.num_attention_heads, "GQA");
  add(features, a.sliding_window > 0, "window");
  add(features, a.soft_cap > 0, "score cap");
  add(features, a.qkv_bias, "qkv bias");
  add(features, a.o_bias, "o bias");
  add(features, a.sinks, "sinks");
  add(features, a.qkv_clip > 0, "qkv clip");
  add(features, a.key_value_conv, "k/v conv");
  add(features, a.qk_norm && a.qk_norm->flat, "flat QK norm");
  add(features, a.qk_norm && !a.qk_norm->flat, "QK norm");
  add(features, a.qk_norm && a.qk_norm->after_rope, "QK norm after rope");
  add(features, a.alibi.has_value(), "ALiBi");
  add(features, !a.rope && !a.alibi, "NoPE layers");
  add(features, a.query_temperature.has_value(), "query temperature");
  add(features, a.output_norm && !a.output_norm_flat, "output norm");
  add(features, a.output_norm && a.output_norm_flat, "sub-norms");
  add(features, a.output_gate && !a.output_gate->per_head, "output gate");
  add(features, a.output_gate && a.output_gate->per_head, "output gate per head");
  add(features, a.output_gate && a.output_gate->activation == Activation::kSoftplus,
      "softplus gate");
  add(features, a.value_width() != a.head_dim, "value width");
  add(features, a.value_multiplier != 1.0, "scaled values");
  if (a.rope) describe(*a.rope, a.head_dim, features);
}

void describe(const LatentAttentionSpec& a, Features& features) {
  features.insert("MLA");
  describe(a.rope, a.rope_dim, features);
}

void describe(const GatedDeltaNetSpec& net, Features& features) {
  features.insert("gated delta net");
  add(features, net.beta_multiplier != 1.0, "scaled beta");
}

void describe(const ShortConvSpec&, Features& features) {
  features.insert("short convolution");
}

void describe(const NormSpec& norm, Features& features) {
  add(features, norm.kind == NormSpec::Kind::kLayer, "LayerNorm");
  add(features, !norm.weight, "weightless norms");
  add(features, norm.unit_offset, "1 + w norms");
  add(features, norm.input_scaled, "input-scaled norms");
}

void describe(const MlpSpec& mlp, Features& features) {
  add(features, !mlp.gated, "MLP without gate");
  add(features, mlp.bias, "MLP bias");
  add(features, mlp.activation != Activation::kSilu, std::string(to_text(mlp.activation)));
}

void describe(const MoeSpec& moe, Features& features) {
  features.insert("MoE (" + std::string(to_text(moe.router.scores)) + ")");
  add(features, moe.router.num_groups > 1, "grouped top-k");
  add(features, moe.router.correction_bias, "router correction");
  add(features, moe.router.choice_on_logits, "choice on logits");
  add(features, moe.router_soft_cap > 0.0, "router cap");
  add(features, moe.router.normalize && moe.router.normalize_norm != 1.0, "weights by p-norm");
  add(features, moe.shared.has_value(), "shared expert");
  add(features, moe.shared && moe.shared->averaged, "averaged shared expert");
}

Features features_of(const Spec& spec) {
  Features features;
  for (const LayerSpec& layer : spec.layers) {
    std::visit([&](const auto& mixer) { describe(mixer, features); }, layer.mixer);
    std::visit([&](const auto& ffn) { describe(ffn, features); }, layer.ffn);
    add(features, layer.parallel, "parallel branches");
    add(features, layer.parallel && layer.ffn_norm, "parallel norms");
    add(features, layer.mixer_sum_norm.has_value(), "norms on sums");
    add(features, layer.residual_normed, "normed residual");
    add(features, !layer.mixer_norm && layer.mixer_post_norm, "post-norm");
    add(features, layer.mixer_norm && layer.mixer_post_norm, "four norms");
    add(features, layer.residual_multiplier != 1.0, "residual multiplier");
    add(features, layer.residual_gate, "residual gate");
    add(features, layer.first_sum > 0, "depth-scaled residual");
  }
  if (spec.final_norm) describe(*spec.final_norm, features);
  if (spec.positions) {
    features.erase("NoPE layers");
    features.insert(spec.positions->rows > 0 ? "learned positions" : "sinusoids");
    add(features, spec.positions->offset > 0, "offset positions");
  }
  add(features, spec.embedding_size > 0 && spec.embedding_size != spec.hidden_size,
      "projected embedding");
  add(features, spec.head_transform.has_value(), "head transform");
  add(features, spec.embedding_multiplier != 1.0, "scaled embedding");
  add(features, spec.embedding_norm.has_value(), "embedding norm");
  add(features, spec.logit_multiplier != 1.0, "scaled logits");
  add(features, spec.final_soft_cap > 0, "logit cap");
  add(features, spec.normalized_head, "normalized head");
  add(features, spec.head_bias, "head bias");
  add(features, spec.head_input_multiplier != 1.0, "scaled head input");
  add(features, spec.tie_word_embeddings, "tied");
  return features;
}

std::string joined(const Features& features) {
  std::string text;
  for (const std::string& feature : features) text += (text.empty() ? "" : ", ") + feature;
  return text;
}

std::string document() {
  std::map<std::string, Features> features;
  std::map<std::string, int> cases;
  for (const std::string& name : tests::case_names()) {
    const tests::Case one = tests::read_case(name);
    features[one.family].merge(features_of(read_config(one.config, name).spec));
    ++cases[one.family];
  }
  std::string text =
      "# Families\n\nWritten by a test from the registry and the case catalogue; approve a change "
      "with\n`PLUMB_APPROVE=1 build/release/test_graph --gtest_filter='*Golden*'`.\n\n"
      "Features: those that at least one recorded case of the family turns on.\n\n"
      "| from | family | cases | features |\n|---|---|---|---|\n";
  for (const Seed& seed : kSeeds) {
    for (const std::string_view family : seed.families) {
      const std::string name(family);
      text += std::string("| ") + seed.name + " | `" + name + "` | " + std::to_string(cases[name]) +
              " | " + joined(features[name]) + " |\n";
    }
  }
  return text;
}

TEST(FamiliesGolden, DocumentIsAsTheRegistryAndTheCasesHaveIt) {
  const std::string file = std::string(PLUMB_ROOT) + "/docs/families.md";
  const std::string text = document();
  if (std::getenv("PLUMB_APPROVE") != nullptr) tests::write_text(file, text);
  EXPECT_EQ(tests::read_text(file), text);
}

TEST(FamiliesGolden, EveryFamilyHasARowAndNoneHasTwo) {
  std::multiset<std::string_view> rows;
  for (const Seed& seed : kSeeds) rows.insert(seed.families.begin(), seed.families.end());
  for (const Family* family : families()) EXPECT_EQ(rows.count(family->model_type), 1U);
  EXPECT_EQ(rows.size(), families().size());
}

}  // namespace
}  // namespace plumb::model
