// BitNet: Llama with an RMS norm before each output projection, and a gate of squared relu.
// Source: transformers 5.23, models/bitnet.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 128256,
                                          .hidden_size = 2560,
                                          .intermediate_size = 6912,
                                          .num_hidden_layers = 30,
                                          .num_attention_heads = 20,
                                          .num_key_value_heads = 5,
                                          .rms_norm_eps = 1e-5,
                                          .heads_divide_hidden_size = true,
                                          .head_dim_derived = true});
  d.attention.rope =
      read_rope(config, {.theta = 5e5}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  d.attention.output_norm = d.norm;
  d.attention.output_norm_flat = true;
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "relu2"),
                    .inner_norm = d.norm};
  return make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
}

NameTable names(const Spec&) {
  return transformers_names()
      .name("attn_norm", "model.layers.{i}.self_attn.attn_sub_norm")
      .name("ffn_inner_norm", "model.layers.{i}.mlp.ffn_sub_norm");
}

}  // namespace

constinit const Family kBitNet{
    .model_type = "bitnet",
    .architecture = "BitNetForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
