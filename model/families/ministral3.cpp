// Ministral 3: Mistral with a yarn rope and a query temperature that grows with the position.
// Source: transformers 5.23, models/ministral3.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

// What the class takes where a config has no rope dict.
constexpr const char* kAbsentRope = R"({
  "type": "yarn", "rope_theta": 1000000.0, "factor": 16.0,
  "original_max_position_embeddings": 16384, "beta_fast": 32.0, "beta_slow": 1.0,
  "mscale_all_dim": 1.0, "mscale": 1.0, "llama_4_scaling_beta": 0.1
})";

QueryTemperature read_temperature(ConfigReader& config, const RopeDefaults& defaults,
                                  const RopeSpec& rope) {
  const base::Json json = rope_dict(config, defaults);
  ConfigReader dict = config.object("rope_parameters", json);
  const char* key = "llama_4_scaling_beta";
  if (!dict.has(key)) dict.refuse(key, "is missing", "write 0 for no query temperature");
  const double original = dict.positive("original_max_position_embeddings",
                                        rope.scaling.original_max_position_embeddings);
  if (original == 0.0) {
    dict.refuse("original_max_position_embeddings", "is missing", "the query temperature needs it");
  }
  return {.beta = dict.number(key, 0.0), .original_max_position_embeddings = original};
}

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 131072,
                                          .intermediate_size = 14336,
                                          .num_hidden_layers = 34,
                                          .num_key_value_heads = 8,
                                          .head_dim = 128,
                                          .head_dim_null = true,
                                          .max_position_embeddings = 262144,
                                          .rms_norm_eps = 1e-5});
  const RopeDefaults defaults{.absent_dict = kAbsentRope,
                              .own_keys = {"llama_4_scaling_beta", "max_position_embeddings"}};
  d.attention.rope = read_rope(config, defaults, d.attention.head_dim, d.max_position_embeddings);
  d.attention.query_temperature = read_temperature(config, defaults, *d.attention.rope);
  d.attention.sliding_window = read_sliding_window(config, 0);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu")};
  return make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
}

NameTable names(const Spec&) {
  return transformers_names();
}

}  // namespace

constinit const Family kMinistral3{
    .model_type = "ministral3",
    .architecture = "Ministral3ForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
