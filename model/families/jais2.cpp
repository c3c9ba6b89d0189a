// Jais 2: LayerNorms, an MLP of squared relu without a gate, biases everywhere.
// Source: transformers 5.23, models/jais2.
#include "model/families/family.h"
#include "model/families/gpt_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 150272,
                                          .hidden_size = 3328,
                                          .intermediate_size = 26624,
                                          .num_attention_heads = 26,
                                          .head_dim_null = true,
                                          .max_position_embeddings = 8192,
                                          .rms_norm_eps = 1e-5,
                                          .heads_divide_hidden_size = true,
                                          .eps_key = "layer_norm_eps"});
  d.norm = layer_norm(d.norm.eps);
  d.attention.rope = read_rope(config, {}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", true);
  MlpSpec mlp = read_plain_mlp(config, d.intermediate_size, "hidden_act", "relu2");
  mlp.bias = config.flag("mlp_bias", true);
  return make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
}

NameTable names(const Spec&) {
  return transformers_names();
}

}  // namespace

constinit const Family kJais2{
    .model_type = "jais2",
    .architecture = "Jais2ForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
