// IQuest-Coder: Llama under another name. Source: transformers 5.23, models/iquestcoder.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 76800,
                                          .hidden_size = 5120,
                                          .intermediate_size = 27648,
                                          .num_hidden_layers = 80,
                                          .num_attention_heads = 40,
                                          .num_key_value_heads = 8,
                                          .head_dim = 128,
                                          .head_dim_null = true,
                                          .max_position_embeddings = 131072,
                                          .rms_norm_eps = 1e-5,
                                          .heads_divide_hidden_size = true});
  d.attention.rope = read_rope(config, {}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu"),
                    .bias = config.flag("mlp_bias", false)};
  return make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
}

NameTable names(const Spec&) {
  return transformers_names();
}

constexpr InertKey kInert[] = {{"clip_qkv", "null"}, {"use_sliding_window", "false|null"}};

}  // namespace

constinit const Family kIQuestCoder{
    .model_type = "iquestcoder",
    .architecture = "LlamaForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
