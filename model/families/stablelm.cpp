// StableLM 2: LayerNorms with bias, a rope on a quarter of each head, and by switches: biases on q,
// k, v, a LayerNorm for each head of q and k, both branches in parallel.
// Source: transformers 5.23, models/stablelm.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 50304,
                                          .hidden_size = 2560,
                                          .intermediate_size = 6912,
                                          .num_key_value_heads = 32,
                                          .max_position_embeddings = 4096,
                                          .rms_norm_eps = 1e-5,
                                          .heads_divide_hidden_size = true,
                                          .head_dim_derived = true,
                                          .eps_key = "layer_norm_eps"});
  d.norm.kind = NormSpec::Kind::kLayer;
  d.norm.rounding = NormRounding::kAfterWeight;
  if (config.flag("qk_layernorm", false)) {
    d.attention.qk_norm = QkNormSpec{.norm = d.norm, .weight_per_head = true};
  }
  d.norm.bias = true;
  d.attention.rope = read_rope(config, {.partial_rotary_factor = 0.25}, d.attention.head_dim,
                               d.max_position_embeddings);
  d.attention.qkv_bias = config.flag("use_qkv_bias", false);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu")};
  LayerSpec layer = pre_norm_layer(d.norm, d.attention, mlp);
  layer.parallel = config.flag("use_parallel_residual", false);
  if (layer.parallel) layer.ffn_norm.reset();
  return make_decoder(d, layer);
}

NameTable names(const Spec&) {
  return transformers_names()
      .name("q_norm", "model.layers.{i}.self_attn.q_layernorm.norms.{e}")
      .name("k_norm", "model.layers.{i}.self_attn.k_layernorm.norms.{e}");
}

constexpr InertKey kInert[] = {{"norm_eps"}, {"rotary_scaling_factor", "1|1.0"}};

}  // namespace

constinit const Family kStableLm{
    .model_type = "stablelm",
    .architecture = "StableLmForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
