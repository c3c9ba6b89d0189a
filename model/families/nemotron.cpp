// Nemotron: LayerNorms times 1 + weight, a rope on half of each head, an MLP of squared relu
// without a gate. Source: transformers 5.23, models/nemotron.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 256000,
                                          .hidden_size = 6144,
                                          .intermediate_size = 24576,
                                          .num_attention_heads = 48,
                                          .max_position_embeddings = 4096,
                                          .rms_norm_eps = 1e-5,
                                          .eps_key = "norm_eps"});
  d.norm.kind = NormSpec::Kind::kLayer;
  d.norm.bias = true;
  d.norm.unit_offset = true;
  d.norm.rounding = NormRounding::kAfterWeight;
  d.attention.rope = read_rope(config, {.partial_rotary_factor = 0.5}, d.attention.head_dim,
                               d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "relu2"),
                    .gated = false,
                    .bias = config.flag("mlp_bias", false)};
  return make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
}

NameTable names(const Spec&) {
  return transformers_names();
}

constexpr InertKey kInert[] = {{"rope_percent", "0.5"}};

}  // namespace

constinit const Family kNemotron{
    .model_type = "nemotron",
    .architecture = "NemotronForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
