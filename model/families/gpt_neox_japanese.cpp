// GPT-NeoX Japanese: LayerNorms, a rope, no biases but one, on what the last layer's attention
// gives. Source: transformers 5.23, models/gpt_neox_japanese.
#include "model/families/family.h"
#include "model/families/gpt_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.hidden_size = 2560,
                                          .intermediate_size = 0,
                                          .rms_norm_eps = 1e-5,
                                          .tie_word_embeddings = true,
                                          .heads_divide_hidden_size = true,
                                          .head_dim_derived = true,
                                          .eps_key = "layer_norm_eps",
                                          .kv_heads_key = ""});
  d.norm = layer_norm(d.norm.eps);
  d.attention.rope = read_rope(
      config,
      {.theta_key = "rotary_emb_base", .partial_key = "rotary_pct", .partial_rotary_factor = 1.0},
      d.attention.head_dim, d.max_position_embeddings);
  constexpr const char* kTimesKey = "intermediate_multiple_size";
  const int times = read_size(config, kTimesKey, 4);
  MlpSpec mlp = read_plain_mlp(config, checked_width(config, kTimesKey, times, d.hidden_size),
                               "hidden_act", "gelu");
  mlp.bias = false;
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
  std::get<AttentionSpec>(spec.layers.back().mixer).o_bias = true;
  return spec;
}

NameTable names(const Spec& spec) {
  const int heads = std::get<AttentionSpec>(spec.layers.front().mixer).num_attention_heads;
  const std::string layer = "gpt_neox_japanese.layers.{i}.";
  NameTable names;
  names.name("embed", "gpt_neox_japanese.embed_in")
      .name("final_norm", "gpt_neox_japanese.final_layer_norm")
      .name("mixer_norm", layer + "input_layernorm")
      .name("ffn_norm", layer + "post_attention_layernorm")
      .pack(layer + "attention.query_key_value", {"q_proj", "k_proj", "v_proj"}, heads)
      .name("o_proj.weight", layer + "attention.dense.weight")
      .name("o_proj.bias", layer + "attention.dense_bias")
      .name("up_proj", layer + "mlp.dense_h_to_4h")
      .name("down_proj", layer + "mlp.dense_4h_to_h")
      .name("lm_head", "embed_out")
      .ignore("*.rotary_emb.inv_freq", "a buffer of old checkpoints, recomputed from the config")
      .or_prefix("gpt_neox_japanese.", "");
  return names;
}

}  // namespace

constinit const Family kGptNeoxJapanese{
    .model_type = "gpt_neox_japanese",
    .architecture = "GPTNeoXJapaneseForCausalLM",
    .read = read,
    .names = names,
    .inert = kGptInert,
};

}  // namespace plumb::model
