// Apertus: Llama with QK norm and an MLP of xIELU without a gate, whose four scalars are tensors.
// A config without a rope dict means llama3 scaling. Source: transformers 5.23, models/apertus.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

constexpr const char* kAbsentRope = R"({
  "rope_type": "llama3", "rope_theta": 12000000.0, "factor": 8.0,
  "original_max_position_embeddings": 8192, "low_freq_factor": 1.0, "high_freq_factor": 4.0
})";

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 131072,
                                          .intermediate_size = 14336,
                                          .max_position_embeddings = 65536,
                                          .rms_norm_eps = 1e-5});
  d.attention.rope = read_rope(config, {.theta = 1.2e7, .absent_dict = kAbsentRope},
                               d.attention.head_dim, d.max_position_embeddings);
  d.attention.qk_norm = QkNormSpec{d.norm};
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  const bool xielu = config.text("hidden_act", "xielu") == "xielu";
  const MlpSpec mlp{
      .intermediate_size = d.intermediate_size,
      .activation = xielu ? Activation::kXielu : read_activation(config, "hidden_act", "xielu"),
      .gated = false};
  return make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
}

NameTable names(const Spec&) {
  return transformers_names()
      .name("mixer_norm", "model.layers.{i}.attention_layernorm")
      .name("ffn_norm", "model.layers.{i}.feedforward_layernorm")
      .name("xielu.alpha_p", "model.layers.{i}.mlp.act_fn.alpha_p")
      .name("xielu.alpha_n", "model.layers.{i}.mlp.act_fn.alpha_n")
      .name("xielu.beta", "model.layers.{i}.mlp.act_fn.beta", {})
      .name("xielu.eps", "model.layers.{i}.mlp.act_fn.eps", {});
}

constexpr InertKey kInert[] = {
    {"mlp_bias", "false"},
    {"post_norm", "false"},
    {"qk_norm", "true"},
};

}  // namespace

constinit const Family kApertus{
    .model_type = "apertus",
    .architecture = "ApertusForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
