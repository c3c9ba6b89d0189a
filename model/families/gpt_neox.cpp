// GPT-NeoX: both branches of a layer in parallel, each with a LayerNorm of its own, or one after
// the other; a rope on a part of each head. Source: transformers 5.23, models/gpt_neox.
#include "model/families/family.h"
#include "model/families/gpt_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 50432,
                                          .hidden_size = 6144,
                                          .intermediate_size = 24576,
                                          .num_hidden_layers = 44,
                                          .num_attention_heads = 64,
                                          .rms_norm_eps = 1e-5,
                                          .heads_divide_hidden_size = true,
                                          .head_dim_derived = true,
                                          .eps_key = "layer_norm_eps",
                                          .kv_heads_key = ""});
  d.norm = layer_norm(d.norm.eps);
  d.attention.rope = read_rope(
      config,
      {.theta_key = "rotary_emb_base", .partial_key = "rotary_pct", .partial_rotary_factor = 0.25},
      d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", true);
  const MlpSpec mlp = read_plain_mlp(config, d.intermediate_size, "hidden_act", "gelu");
  LayerSpec layer = pre_norm_layer(d.norm, d.attention, mlp);
  layer.parallel = config.flag("use_parallel_residual", true);
  return make_decoder(d, layer);
}

// The head was embed_out before transformers 5.
NameTable names(const Spec& spec) {
  const int heads = std::get<AttentionSpec>(spec.layers.front().mixer).num_attention_heads;
  const std::string layer = "gpt_neox.layers.{i}.";
  NameTable names;
  names.name("embed", "gpt_neox.embed_in")
      .name("final_norm", "gpt_neox.final_layer_norm")
      .name("mixer_norm", layer + "input_layernorm")
      .name("ffn_norm", layer + "post_attention_layernorm")
      .pack(layer + "attention.query_key_value", {"q_proj", "k_proj", "v_proj"}, heads)
      .name("o_proj", layer + "attention.dense")
      .name("up_proj", layer + "mlp.dense_h_to_4h")
      .name("down_proj", layer + "mlp.dense_4h_to_h")
      .name("lm_head", "lm_head")
      .or_pack("embed_out", {"lm_head"})
      .ignore("*.attention.bias", "a causal mask of old checkpoints")
      .ignore("*.attention.masked_bias", "a constant of old checkpoints")
      .ignore("*.rotary_emb.inv_freq", "a buffer of old checkpoints, recomputed from the config")
      .or_prefix("gpt_neox.", "");
  return names;
}

}  // namespace

constinit const Family kGptNeox{
    .model_type = "gpt_neox",
    .architecture = "GPTNeoXForCausalLM",
    .read = read,
    .names = names,
    .inert = kGptInert,
};

}  // namespace plumb::model
