// MiMo-V2-Flash: values of another width than keys, and scaled; sliding layers with sinks, twice
// the key heads and a rope of their own; DeepSeek-V3's experts without a shared one.
// Source: transformers 5.23, models/mimo_v2_flash.
#include "model/families/family.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

constexpr double kPartialRotaryFactor = 0.334;

// The hub's key counts the keys before the query's own, and goes before the class's.
int read_window(ConfigReader& config) {
  const int window = read_sliding_window(config, 129);
  if (!config.has("sliding_window_size")) return window;
  return static_cast<int>(config.integer("sliding_window_size", 128, 0, int64_t{1} << 30)) + 1;
}

void place_mixers(ConfigReader& config, const Dimensions& d, Spec& spec) {
  const int window = read_window(config);
  config.touch("sliding_window_size");
  const auto types = read_layer_types(config, d.num_hidden_layers, [](int layer) {
    return layer == 0 || (layer + 1) % 6 == 0 ? kFullAttention : kSlidingAttention;
  });
  require_window(config, types, window);
  const auto rope_of = [&](std::string_view type, double theta) {
    return read_layer_rope(config, type, false,
                           {.theta = theta, .partial_rotary_factor = kPartialRotaryFactor},
                           d.attention.head_dim, d.max_position_embeddings);
  };
  AttentionSpec full = d.attention;
  full.rope = rope_of(kFullAttention, 5e6);
  AttentionSpec sliding = d.attention;
  sliding.rope = rope_of(kSlidingAttention, 1e4);
  sliding.num_key_value_heads *= 2;
  sliding.sliding_window = window;
  sliding.sinks = true;
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    const bool slides = types[i] == kSlidingAttention;
    if (slides && d.attention.num_attention_heads % sliding.num_key_value_heads != 0) {
      config.refuse("num_key_value_heads",
                    "is " + std::to_string(d.attention.num_key_value_heads) +
                        ", and twice as many in sliding layers",
                    "twice the number must divide num_attention_heads");
    }
    spec.layers[i].mixer = slides ? sliding : full;
  }
}

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 152576,
                                          .intermediate_size = 16384,
                                          .num_hidden_layers = 48,
                                          .num_attention_heads = 64,
                                          .num_key_value_heads = 4,
                                          .head_dim = 192,
                                          .max_position_embeddings = 131072,
                                          .rms_norm_eps = 1e-5});
  d.attention.value_dim = read_size(config, "v_head_dim", 128);
  checked_width(config, "v_head_dim", d.attention.num_attention_heads, d.attention.value_dim);
  const bool scaled =
      config.has("attention_value_scale") || !config.present("attention_value_scale");
  d.attention.value_multiplier =
      config.positive("attention_value_scale", scaled ? 0.707 : 1.0, Null::kMeansAbsent);
  d.attention.qkv_bias = config.flag("attention_bias", false);
  const MoeSpec moe = read_sigmoid_mixture(config, {.experts_key = "n_routed_experts",
                                                    .shared_key = "",
                                                    .num_experts = 256,
                                                    .top_k = 8,
                                                    .intermediate_size = 2048,
                                                    .normalize = true,
                                                    .scaling_null = Null::kMeansAbsent});
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, d.attention, moe));
  set_dense_layers(spec, read_mlp_types(config, d.num_hidden_layers, 1),
                   {.intermediate_size = d.intermediate_size, .activation = moe.activation});
  place_mixers(config, d, spec);
  return spec;
}

NameTable names(const Spec&) {
  const std::string attention = "model.layers.{i}.self_attn.";
  return expert_names()
      .name("sinks", attention + "sinks")
      .or_pack(attention + "attention_sink_bias", {"sinks"})
      .ignore("model.mtp.*", "predicts further tokens");
}

// The hub's config states by these what the class derives.
constexpr InertKey kInert[] = {
    {"add_full_attention_sink_bias", "false"},
    {"add_swa_attention_sink_bias", "true"},
    {"attention_chunk_size"},
    {"hybrid_block_size"},
    {"hybrid_layer_pattern"},
    {"layernorm_epsilon", "1e-05"},
    {"moe_layer_freq"},
    {"n_shared_experts", "null|0"},
    {"partial_rotary_factor", "0.334"},
    {"rope_theta", "5000000|5000000.0"},
    {"scoring_func", "\"sigmoid\""},
    {"swa_head_dim"},
    {"swa_num_attention_heads"},
    {"swa_num_key_value_heads"},
    {"swa_rope_theta", "10000|10000.0"},
    {"swa_v_head_dim"},
    {"topk_method", "\"noaux_tc\""},
};

}  // namespace

constinit const Family kMiMoV2Flash{
    .model_type = "mimo_v2_flash",
    .architecture = "MiMoV2FlashForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
