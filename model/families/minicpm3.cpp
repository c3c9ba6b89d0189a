// MiniCPM3: latent attention with a rope of halves, and scales on the embedding, on every branch
// by the depth, and on what the head reads. Source: transformers 5.23, models/minicpm3.
#include <cmath>

#include "model/families/deepseek_parts.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

LatentAttentionSpec read_attention(ConfigReader& config, const Dimensions& d) {
  return read_latent_attention(config, d,
                               {.q_lora_rank = 768,
                                .kv_lora_rank = 256,
                                .qk_nope_head_dim = 64,
                                .qk_rope_head_dim = 32,
                                .v_head_dim = d.hidden_size / d.attention.num_attention_heads,
                                .v_head_dim_null = Null::kMeansAbsent,
                                .pairs = RopePairs::kHalves});
}

// A null scale is none.
double read_scale(ConfigReader& config, const char* key, double usual, double none) {
  const bool is_null = config.present(key) && !config.has(key);
  return config.positive(key, is_null ? none : usual, Null::kMeansAbsent);
}

Spec read(ConfigReader& config) {
  const Dimensions d = read_dimensions(config, {.vocab_size = 73448,
                                                .hidden_size = 2560,
                                                .intermediate_size = 6400,
                                                .num_hidden_layers = 62,
                                                .num_attention_heads = 40,
                                                .num_key_value_heads = 40,
                                                .head_dim = 32,
                                                .max_position_embeddings = 32768,
                                                .rms_norm_eps = 1e-5,
                                                .tie_word_embeddings = true});
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu"),
                    .bias = config.flag("mlp_bias", false)};
  LayerSpec layer = pre_norm_layer(d.norm, read_attention(config, d), mlp);
  const double depth = std::sqrt(d.num_hidden_layers);
  layer.residual_multiplier = read_scale(config, "scale_depth", 1.4, depth) / depth;
  Spec spec = make_decoder(d, layer);
  spec.embedding_multiplier = config.positive("scale_emb", 12.0);
  spec.embedding_multiplier_rounded = true;
  const double base = read_scale(config, "dim_model_base", 256.0, d.hidden_size);
  spec.head_input_multiplier = base / d.hidden_size;
  return spec;
}

}  // namespace

constinit const Family kMiniCpm3{
    .model_type = "minicpm3",
    .architecture = "MiniCPM3ForCausalLM",
    .read = read,
    .names = deepseek_names,
    .inert = {},
};

}  // namespace plumb::model
