// StarCoder2: LayerNorms with bias, an MLP without a gate, biases everywhere.
// Source: transformers 5.23, models/starcoder2.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 49152,
                                          .hidden_size = 3072,
                                          .intermediate_size = 12288,
                                          .num_hidden_layers = 30,
                                          .num_attention_heads = 24,
                                          .num_key_value_heads = 2,
                                          .max_position_embeddings = 4096,
                                          .rms_norm_eps = 1e-5,
                                          .tie_word_embeddings = true,
                                          .eps_key = "norm_epsilon"});
  check_alias(config, "layer_norm_epsilon", "norm_epsilon", d.norm.eps);
  d.norm.kind = NormSpec::Kind::kLayer;
  d.norm.bias = true;
  d.norm.rounding = NormRounding::kAfterWeight;
  d.attention.rope = read_rope(config, {}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("use_bias", true);
  d.attention.sliding_window = read_sliding_window(config, 0);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "gelu_pytorch_tanh"),
                    .gated = false,
                    .bias = d.attention.o_bias};
  return make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
}

NameTable names(const Spec&) {
  return transformers_names()
      .name("up_proj", "model.layers.{i}.mlp.c_fc")
      .name("down_proj", "model.layers.{i}.mlp.c_proj");
}

constexpr InertKey kInert[] = {
    {"activation_function"},         {"embedding_dropout"}, {"mlp_type", "\"default\""},
    {"norm_type", "\"layer_norm\""}, {"residual_dropout"},
};

}  // namespace

constinit const Family kStarcoder2{
    .model_type = "starcoder2",
    .architecture = "Starcoder2ForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
