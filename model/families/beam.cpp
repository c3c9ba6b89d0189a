// Beam: four norms a layer, residual sums scaled by depth, gates with a bias for each head on the
// attention's output, queries that a layer without a rope scales by their position, and
// DeepSeek-V3's experts. Source: transformers 5.23, models/beam.
#include "model/families/family.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

// (1 + (position + 1) / 2048)^0.1
constexpr QueryTemperature kTemperature{.beta = 0.1,
                                        .original_max_position_embeddings = 2048.0,
                                        .growth = QueryTemperature::Growth::kPower,
                                        .offset = 1};

MoeSpec read_mixture(ConfigReader& config) {
  MoeSpec moe = read_sigmoid_mixture(config, {.experts_alias = "",
                                              .shared_key = "",
                                              .num_experts = 256,
                                              .top_k = 8,
                                              .intermediate_size = 2560,
                                              .normalize = true,
                                              .routed_scaling_factor = 2.5,
                                              .num_groups = 8,
                                              .top_groups = 4});
  std::swap(moe.output_multiplier, moe.router.scaling);  // scales the sum
  return moe;
}

// Each type of layer has a rope, or null: then its queries have a temperature.
void place_ropes(ConfigReader& config, const std::vector<std::string>& types, const Dimensions& d,
                 Spec& spec) {
  const auto has_none = [&](std::string_view type) {
    if (!config.has("rope_parameters")) return type == kFullAttention;
    const auto entry = config.json()["rope_parameters"].find(type);
    return entry != config.json()["rope_parameters"].end() && entry->is_null();
  };
  place_type_ropes(config, types, {.rounding = RopeRounding::kOutput},
                   {.rounding = RopeRounding::kOutput}, d, spec);
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    if (!has_none(types[i])) continue;
    auto& attention = std::get<AttentionSpec>(spec.layers[i].mixer);
    attention.rope.reset();
    attention.query_temperature = kTemperature;
  }
}

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 151936,
                                          .hidden_size = 5120,
                                          .intermediate_size = 20480,
                                          .num_hidden_layers = 52,
                                          .num_attention_heads = 48,
                                          .num_key_value_heads = 8,
                                          .head_dim = 128,
                                          .max_position_embeddings = 8192});
  d.norm.rounding = NormRounding::kAfterWeight;
  d.attention.qk_norm = QkNormSpec{d.norm};
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  d.attention.output_gate = OutputGateSpec{.head_bias = true};
  const MoeSpec moe = read_mixture(config);
  Spec spec = make_decoder(d, four_norm_layer(d.norm, d.attention, moe));
  set_dense_layers(spec, read_mlp_types(config, d.num_hidden_layers, 3),
                   {.intermediate_size = d.intermediate_size, .activation = moe.activation});
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    spec.layers[i].first_sum = 2 * static_cast<int>(i + 1);
  }
  const int window = read_sliding_window(config, 512);
  const auto types = read_layer_types(config, d.num_hidden_layers, [&](int layer) {
    const bool full = (layer + 1) % 6 == 0 || layer == d.num_hidden_layers - 1;
    return full ? kFullAttention : kSlidingAttention;
  });
  require_window(config, types, window);
  slide_layers(spec, types, window);
  place_ropes(config, types, d, spec);
  const bool capped = config.has("final_logit_softcapping") ||
                      !config.present("final_logit_softcapping");  // null: none
  spec.final_soft_cap =
      config.positive("final_logit_softcapping", capped ? 30.0 : 0.0, Null::kMeansAbsent);
  return spec;
}

NameTable names(const Spec&) {
  const std::string layer = "model.layers.{i}.";
  return expert_names()
      .name("mixer_post_norm", layer + "post_attention_layernorm")
      .name("ffn_norm", layer + "pre_feedforward_layernorm")
      .name("ffn_post_norm", layer + "post_feedforward_layernorm")
      .name("attn_gate_proj", layer + "self_attn.gate_proj")
      .name("attn_gate_bias", layer + "self_attn.gate_bias");
}

}  // namespace

constinit const Family kBeam{
    .model_type = "beam",
    .architecture = "BeamForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
