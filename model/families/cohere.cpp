// Command R: both branches of a layer read one LayerNorm without bias; a rope of interleaved pairs;
// with use_qk_norm a LayerNorm for each head of q and k. Source: transformers 5.23, models/cohere.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 256000,
                                          .hidden_size = 8192,
                                          .intermediate_size = 22528,
                                          .num_hidden_layers = 40,
                                          .num_attention_heads = 64,
                                          .max_position_embeddings = 8192,
                                          .rms_norm_eps = 1e-5,
                                          .tie_word_embeddings = true,
                                          .eps_key = "layer_norm_eps"});
  d.norm.kind = NormSpec::Kind::kLayer;
  d.norm.rounding = NormRounding::kAfterWeight;
  if (config.flag("use_qk_norm", false)) {
    d.attention.qk_norm = QkNormSpec{.norm = d.norm, .weight_per_head = true};
  }
  d.attention.rope = read_rope(
      config,
      {.theta = 5e5, .pairs = RopePairs::kInterleaved, .rounding = RopeRounding::kTableOnly},
      d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu")};
  LayerSpec layer = pre_norm_layer(d.norm, d.attention, mlp);
  layer.ffn_norm.reset();
  layer.parallel = true;
  Spec spec = make_decoder(d, layer);
  spec.logit_multiplier = config.positive("logit_scale", 0.0625);
  return spec;
}

NameTable names(const Spec&) {
  return transformers_names();
}

}  // namespace

constinit const Family kCohere{
    .model_type = "cohere",
    .architecture = "CohereForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
