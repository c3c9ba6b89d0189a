// Phi-1 and 2: both branches of a layer read one LayerNorm; biases everywhere, the head's included;
// a rope on a part of each head; by a switch a LayerNorm for each head of q and k. Source:
// transformers 5.23, models/phi.
#include "model/families/family.h"
#include "model/families/gpt_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 51200,
                                          .hidden_size = 2048,
                                          .intermediate_size = 8192,
                                          .num_hidden_layers = 24,
                                          .rms_norm_eps = 1e-5,
                                          .heads_divide_hidden_size = true,
                                          .eps_key = "layer_norm_eps"});
  d.norm = layer_norm(d.norm.eps);
  if (config.flag("qk_layernorm", false)) {
    if (d.attention.head_dim != d.hidden_size / d.attention.num_attention_heads) {
      config.refuse("head_dim", "is not hidden_size / num_attention_heads",
                    "the norms of qk_layernorm are so wide");
    }
    d.attention.qk_norm = QkNormSpec{d.norm};
  }
  d.attention.rope = read_rope(config, {.partial_rotary_factor = 0.5}, d.attention.head_dim,
                               d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = true;
  const MlpSpec mlp = read_plain_mlp(config, d.intermediate_size, "hidden_act", "gelu_new");
  LayerSpec layer = pre_norm_layer(d.norm, d.attention, mlp);
  layer.parallel = true;
  layer.ffn_norm.reset();
  Spec spec = make_decoder(d, layer);
  spec.head_bias = true;
  return spec;
}

NameTable names(const Spec&) {
  return transformers_names()
      .name("final_norm", "model.final_layernorm")
      .name("o_proj", "model.layers.{i}.self_attn.dense")
      .name("q_norm", "model.layers.{i}.self_attn.q_layernorm")
      .name("k_norm", "model.layers.{i}.self_attn.k_layernorm")
      .name("up_proj", "model.layers.{i}.mlp.fc1")
      .name("down_proj", "model.layers.{i}.mlp.fc2");
}

}  // namespace

constinit const Family kPhi{
    .model_type = "phi",
    .architecture = "PhiForCausalLM",
    .read = read,
    .names = names,
    .inert = kGptInert,
};

}  // namespace plumb::model
