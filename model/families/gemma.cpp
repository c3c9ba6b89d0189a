// Gemma (1). Source: transformers 5.23, models/gemma.
#include "model/families/family.h"
#include "model/families/gemma_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_gemma_dimensions(config, {.vocab_size = 256000,
                                                .hidden_size = 3072,
                                                .intermediate_size = 24576,
                                                .num_hidden_layers = 28,
                                                .num_attention_heads = 16,
                                                .num_key_value_heads = 16,
                                                .head_dim = 256,
                                                .max_position_embeddings = 8192,
                                                .tie_word_embeddings = true});
  d.attention.rope = read_rope(config, {}, d.attention.head_dim, d.max_position_embeddings);
  MlpSpec mlp{.intermediate_size = d.intermediate_size,
              .activation = read_activation(config, "hidden_act", "gelu_pytorch_tanh")};
  // "gelu" in a Gemma config was always meant, and is run, as the tanh form.
  if (mlp.activation == Activation::kGelu) mlp.activation = Activation::kGeluTanh;
  return make_gemma(d, pre_norm_layer(d.norm, d.attention, mlp));
}

NameTable names(const Spec&) {
  return transformers_names();
}

constexpr InertKey kInert[] = {
    {"hidden_activation"},
    {"use_bidirectional_attention", "false|null"},
};

}  // namespace

constinit const Family kGemma{
    .model_type = "gemma",
    .architecture = "GemmaForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
