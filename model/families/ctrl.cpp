// CTRL: sinusoids for positions, an MLP of relu without a gate, biases everywhere, the head's
// included, a scaled embedding. Source: transformers 5.23, models/ctrl.
#include <cmath>

#include "model/families/family.h"
#include "model/families/gpt_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  constexpr double kLayerEps = 1e-6;  // whatever the config; its own is the last norm's
  Dimensions d = read_gpt_dimensions(config, {.vocab_size = 246534,
                                              .hidden_size = 1280,
                                              .num_hidden_layers = 48,
                                              .num_attention_heads = 16,
                                              .max_position_embeddings = 256,
                                              .layer_norm_epsilon = 1e-6});
  d.attention.qkv_bias = d.attention.o_bias = true;
  const MlpSpec mlp{.intermediate_size = read_size(config, "dff", 8192),
                    .activation = Activation::kRelu,
                    .gated = false,
                    .bias = true};
  Spec spec = make_decoder(d, pre_norm_layer(layer_norm(kLayerEps), d.attention, mlp));
  spec.positions = sinusoids(config, d.hidden_size, "n_embd", 0, 0);
  spec.embedding_multiplier = std::sqrt(static_cast<double>(d.hidden_size));
  spec.head_bias = true;
  return spec;
}

NameTable names(const Spec&) {
  const std::string layer = "transformer.h.{i}.";
  NameTable names;
  names.name("embed", "transformer.w")
      .name("final_norm", "transformer.layernorm")
      .name("mixer_norm", layer + "layernorm1")
      .name("ffn_norm", layer + "layernorm2")
      .name("q_proj", layer + "multi_head_attention.Wq")
      .name("k_proj", layer + "multi_head_attention.Wk")
      .name("v_proj", layer + "multi_head_attention.Wv")
      .name("o_proj", layer + "multi_head_attention.dense")
      .name("up_proj", layer + "ffn.0")
      .name("down_proj", layer + "ffn.2")
      .name("lm_head", "lm_head")
      .or_prefix("transformer.", "");
  return names;
}

}  // namespace

constinit const Family kCtrl{
    .model_type = "ctrl",
    .architecture = "CTRLLMHeadModel",
    .read = read,
    .names = names,
    .inert = kGptInert,
};

}  // namespace plumb::model
