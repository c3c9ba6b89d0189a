// VaultGemma: Gemma 2 without norms on what the branches return.
// Source: transformers 5.23, models/vaultgemma.
#include "model/families/family.h"
#include "model/families/gemma_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_gemma_dimensions(config, {.vocab_size = 256000,
                                                .hidden_size = 2304,
                                                .intermediate_size = 9216,
                                                .num_hidden_layers = 26,
                                                .num_attention_heads = 8,
                                                .num_key_value_heads = 4,
                                                .head_dim = 256,
                                                .max_position_embeddings = 8192,
                                                .tie_word_embeddings = true,
                                                .heads_divide_hidden_size = true});
  d.attention.rope = read_rope(config, {}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.scale = read_query_scale(config, 256);
  d.attention.soft_cap = read_soft_cap(config, "attn_logit_softcapping", 50.0);
  const MlpSpec mlp{
      .intermediate_size = d.intermediate_size,
      .activation = read_activation(config, "hidden_activation", "gelu_pytorch_tanh")};
  Spec spec = make_gemma(d, pre_norm_layer(d.norm, d.attention, mlp));
  spec.final_soft_cap = read_soft_cap(config, "final_logit_softcapping", 30.0);
  const int window = read_sliding_window(config, 4096);
  const auto types = read_layer_types(config, d.num_hidden_layers, [](int layer) {
    return layer % 2 == 0 ? kSlidingAttention : kFullAttention;
  });
  require_window(config, types, window);
  slide_layers(spec, types, window);
  return spec;
}

NameTable names(const Spec&) {
  return transformers_names().name("ffn_norm", "model.layers.{i}.pre_feedforward_layernorm");
}

constexpr InertKey kInert[] = {{"cache_implementation"}, {"hidden_act"}};

}  // namespace

constinit const Family kVaultGemma{
    .model_type = "vaultgemma",
    .architecture = "VaultGemmaForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
