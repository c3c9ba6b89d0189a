// BLOOM: a LayerNorm after the embedding, linear biases for positions, q, k and v of each head side
// by side. Source: transformers 5.23, models/bloom.
#include "model/families/family.h"
#include "model/families/gpt_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  const std::string_view hidden_key = config.has("n_embed") ? "n_embed" : "hidden_size";
  Dimensions d = read_dimensions(config, {.vocab_size = 250880,
                                          .hidden_size = 64,
                                          .intermediate_size = 0,
                                          .num_hidden_layers = 2,
                                          .num_attention_heads = 8,
                                          .rms_norm_eps = 1e-5,
                                          .tie_word_embeddings = true,
                                          .heads_divide_hidden_size = true,
                                          .head_dim_derived = true,
                                          .eps_key = "layer_norm_epsilon",
                                          .layers_key = "n_layer",
                                          .hidden_key = hidden_key,
                                          .heads_key = "n_head",
                                          .kv_heads_key = "",
                                          .usual_names = true});
  d.norm = layer_norm(d.norm.eps);
  d.attention.alibi = AlibiSpec{.slopes = alibi_slopes(d.attention.num_attention_heads)};
  d.attention.qkv_bias = d.attention.o_bias = true;
  const MlpSpec mlp{.intermediate_size = checked_width(config, hidden_key, 4, d.hidden_size),
                    .activation = Activation::kGeluBloom,
                    .gated = false,
                    .bias = true};
  LayerSpec layer = pre_norm_layer(d.norm, d.attention, mlp);
  layer.residual_normed = config.flag("apply_residual_connection_post_layernorm", false);
  Spec spec = make_decoder(d, layer);
  spec.embedding_norm = d.norm;
  return spec;
}

NameTable names(const Spec& spec) {
  const int heads = std::get<AttentionSpec>(spec.layers.front().mixer).num_attention_heads;
  const std::string layer = "transformer.h.{i}.";
  NameTable names;
  names.name("embed", "transformer.word_embeddings")
      .name("embed_norm", "transformer.word_embeddings_layernorm")
      .name("final_norm", "transformer.ln_f")
      .name("mixer_norm", layer + "input_layernorm")
      .name("ffn_norm", layer + "post_attention_layernorm")
      .pack(layer + "self_attention.query_key_value", {"q_proj", "k_proj", "v_proj"}, heads)
      .name("o_proj", layer + "self_attention.dense")
      .name("up_proj", layer + "mlp.dense_h_to_4h")
      .name("down_proj", layer + "mlp.dense_4h_to_h")
      .name("lm_head", "lm_head")
      .or_prefix("transformer.", "");
  return names;
}

// With slow_but_exact, transformers leaves biases out.
constexpr InertKey kInert[] = {
    {"attention_softmax_in_fp32"},
    {"n_inner", "null"},
    {"slow_but_exact", "false"},
};

}  // namespace

constinit const Family kBloom{
    .model_type = "bloom",
    .architecture = "BloomForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
