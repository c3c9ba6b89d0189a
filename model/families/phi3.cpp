// Phi-3: Llama with q, k, v in one tensor and gate and up in another, and longrope, which older
// files call su or yarn. Source: transformers 5.23, models/phi3.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 32064,
                                          .hidden_size = 3072,
                                          .intermediate_size = 8192,
                                          .max_position_embeddings = 4096,
                                          .rms_norm_eps = 1e-5});
  d.attention.rope = read_rope(config,
                               {.original_max_position_embeddings = 4096,
                                .yarn_is_longrope = true,
                                .partial_rotary_factor = 1.0},
                               d.attention.head_dim, d.max_position_embeddings);
  d.attention.sliding_window = read_sliding_window(config, 0);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu")};
  return make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
}

NameTable names(const Spec&) {
  return transformers_names()
      .pack("model.layers.{i}.self_attn.qkv_proj", {"q_proj", "k_proj", "v_proj"})
      .pack("model.layers.{i}.mlp.gate_up_proj", {"gate_proj", "up_proj"});
}

constexpr InertKey kInert[] = {{"attention_bias", "false"}, {"mlp_bias", "false"}};

}  // namespace

constinit const Family kPhi3{
    .model_type = "phi3",
    .architecture = "Phi3ForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
