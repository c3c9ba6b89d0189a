// CWM: Llama whose layers slide but for every fourth, the first among them; with a llama3 rope
// where the config has none. Source: transformers 5.23, models/cwm.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

// What the class takes where a config has no rope dict.
constexpr const char* kAbsentRope = R"({
  "rope_theta": 1000000.0, "factor": 16.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
  "original_max_position_embeddings": 8192, "rope_type": "llama3"
})";

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 128256,
                                          .hidden_size = 6144,
                                          .intermediate_size = 21504,
                                          .num_hidden_layers = 64,
                                          .num_attention_heads = 48,
                                          .num_key_value_heads = 8,
                                          .head_dim = 128,
                                          .head_dim_null = true,
                                          .max_position_embeddings = 131072,
                                          .rms_norm_eps = 1e-5,
                                          .heads_divide_hidden_size = true});
  d.attention.rope = read_rope(config, {.theta = 1e6, .absent_dict = kAbsentRope},
                               d.attention.head_dim, d.max_position_embeddings);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu"),
                    .bias = config.flag("mlp_bias", false)};
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
  const int window = read_sliding_window(config, 8192);
  const auto types = read_layer_types(config, d.num_hidden_layers, [](int layer) {
    return layer % 4 == 0 ? kFullAttention : kSlidingAttention;
  });
  require_window(config, types, window);
  slide_layers(spec, types, window);
  return spec;
}

NameTable names(const Spec&) {
  return transformers_names();
}

}  // namespace

constinit const Family kCwm{
    .model_type = "cwm",
    .architecture = "CwmForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
