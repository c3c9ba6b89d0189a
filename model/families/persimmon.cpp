// Persimmon: LayerNorms, an MLP of squared relu without a gate, biases everywhere, a rope on a part
// of each head, q, k and v of each head side by side, by a switch a LayerNorm for each head of q
// and k. Source: transformers 5.23, models/persimmon.
#include "model/families/family.h"
#include "model/families/gpt_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 262144,
                                          .intermediate_size = 16384,
                                          .num_hidden_layers = 36,
                                          .num_attention_heads = 64,
                                          .max_position_embeddings = 16384,
                                          .rms_norm_eps = 1e-5,
                                          .heads_divide_hidden_size = true,
                                          .head_dim_derived = true,
                                          .eps_key = "layer_norm_eps",
                                          .kv_heads_key = ""});
  d.norm = layer_norm(d.norm.eps);
  if (config.flag("qk_layernorm", true)) d.attention.qk_norm = QkNormSpec{d.norm};
  d.attention.rope = read_rope(config, {.partial_rotary_factor = 0.5}, d.attention.head_dim,
                               d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = true;
  const MlpSpec mlp = read_plain_mlp(config, d.intermediate_size, "hidden_act", "relu2");
  return make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
}

NameTable names(const Spec& spec) {
  const int heads = std::get<AttentionSpec>(spec.layers.front().mixer).num_attention_heads;
  const std::string layer = "model.layers.{i}.";
  return transformers_names()
      .name("final_norm", "model.final_layernorm")
      .pack(layer + "self_attn.query_key_value", {"q_proj", "k_proj", "v_proj"}, heads)
      .name("o_proj", layer + "self_attn.dense")
      .name("q_norm", layer + "self_attn.q_layernorm")
      .name("k_norm", layer + "self_attn.k_layernorm")
      .name("up_proj", layer + "mlp.dense_h_to_4h")
      .name("down_proj", layer + "mlp.dense_4h_to_h");
}

}  // namespace

constinit const Family kPersimmon{
    .model_type = "persimmon",
    .architecture = "PersimmonForCausalLM",
    .read = read,
    .names = names,
    .inert = kGptInert,
};

}  // namespace plumb::model
