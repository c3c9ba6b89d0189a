// Falcon: both branches of a layer in parallel with one LayerNorm or two, or one after the other;
// one key head, some or as many as query heads; a rope, or linear biases, which its authors hold in
// bfloat16 and scale with the scores. Source: transformers 5.23, models/falcon.
#include "model/families/family.h"
#include "model/families/gpt_parts.h"

namespace plumb::model {
namespace {

// How many LayerNorms a layer has before its branches in parallel.
int read_parallel_norms(ConfigReader& config, bool new_architecture) {
  constexpr const char* kKey = "num_ln_in_parallel_attn";
  const int usual = new_architecture ? 2 : 1;
  const auto norms = static_cast<int>(config.integer(kKey, usual, 1, 2, Null::kMeansAbsent));
  if (norms == 2 && !new_architecture) {
    config.refuse(kKey, "is 2 without new_decoder_architecture", "such a layer has one");
  }
  return norms;
}

void read_attention(ConfigReader& config, bool new_architecture, Dimensions& d) {
  AttentionSpec& a = d.attention;
  const bool multi_query = config.flag("multi_query", true);
  const int kv_heads = read_size(config, "num_kv_heads", a.num_attention_heads,
                                 a.num_attention_heads, Null::kMeansAbsent);
  a.num_key_value_heads = new_architecture ? kv_heads : (multi_query ? 1 : a.num_attention_heads);
  if (a.num_attention_heads % a.num_key_value_heads != 0) {
    config.refuse("num_kv_heads", "does not divide num_attention_heads",
                  "each key head serves as many query heads");
  }
  if (config.flag("alibi", false)) {
    a.alibi = AlibiSpec{
        .slopes = alibi_slopes(a.num_attention_heads), .before_scale = true, .in_bfloat16 = true};
    for (const char* key : {"rope_theta", "rope_scaling", "rope_parameters"}) config.touch(key);
  } else {
    a.rope = read_rope(config, {}, a.head_dim, d.max_position_embeddings);
  }
  a.qkv_bias = a.o_bias = config.flag("bias", false);
}

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 65024,
                                          .hidden_size = 4544,
                                          .intermediate_size = 0,
                                          .num_attention_heads = 71,
                                          .rms_norm_eps = 1e-5,
                                          .tie_word_embeddings = true,
                                          .heads_divide_hidden_size = true,
                                          .head_dim_derived = true,
                                          .eps_key = "layer_norm_epsilon",
                                          .kv_heads_key = ""});
  d.norm = layer_norm(d.norm.eps);
  const bool new_architecture = config.flag("new_decoder_architecture", false);
  read_attention(config, new_architecture, d);
  MlpSpec mlp = read_plain_mlp(config, read_inner_size(config, "ffn_hidden_size", d.hidden_size),
                               "activation", "gelu");
  mlp.bias = d.attention.o_bias;
  LayerSpec layer = pre_norm_layer(d.norm, d.attention, mlp);
  layer.parallel = config.flag("parallel_attn", true);
  if (new_architecture && !layer.parallel) {
    config.refuse("parallel_attn", "is false with new_decoder_architecture",
                  "such a layer has its branches in parallel");
  }
  const int norms = read_parallel_norms(config, new_architecture);
  if (layer.parallel && norms == 1) layer.ffn_norm.reset();
  return make_decoder(d, layer);
}

NameTable names(const Spec& spec) {
  const LayerSpec& first = spec.layers.front();
  const auto& attention = std::get<AttentionSpec>(first.mixer);
  const bool two_norms = first.parallel && first.ffn_norm;
  const std::string layer = "transformer.h.{i}.";
  NameTable names;
  names.name("embed", "transformer.word_embeddings")
      .name("final_norm", "transformer.ln_f")
      .name("mixer_norm", layer + (two_norms ? "ln_attn" : "input_layernorm"))
      .name("ffn_norm", layer + (two_norms ? "ln_mlp" : "post_attention_layernorm"))
      .pack(layer + "self_attention.query_key_value", {"q_proj", "k_proj", "v_proj"},
            attention.num_key_value_heads)
      .name("o_proj", layer + "self_attention.dense")
      .name("up_proj", layer + "mlp.dense_h_to_4h")
      .name("down_proj", layer + "mlp.dense_4h_to_h")
      .name("lm_head", "lm_head")
      .ignore("*.inv_freq", "a buffer of old checkpoints, recomputed from the config")
      .or_prefix("transformer.", "");
  return names;
}

constexpr InertKey kInert[] = {
    {"apply_residual_connection_post_layernorm", "false"},
    {"classifier_dropout"},
};

}  // namespace

constinit const Family kFalcon{
    .model_type = "falcon",
    .architecture = "FalconForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
