// Laguna: as many heads as each layer's config says, two partial ropes, softplus gates on the
// attention's output, and experts by sigmoids of capped logits, with a correction, beside a shared
// one. Source: transformers 5.23, models/laguna.
#include "model/families/family.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

MoeSpec read_mixture(ConfigReader& config) {
  MoeSpec moe = read_corrected_mixture(config,
                                       {.experts_alias = "",
                                        .shared_key = "",
                                        .num_experts = 256,
                                        .top_k = 8,
                                        .intermediate_size = 512},
                                       0.0);
  moe.router.weights_rounded = true;
  constexpr const char* kCap = "moe_router_logit_softcapping";
  const bool capped = config.number(kCap, 0.0) != 0.0;  // 0: none
  moe.router_soft_cap = capped ? config.positive(kCap, 0.0) : 0.0;
  moe.output_multiplier = config.positive("moe_routed_scaling_factor", 1.0);
  moe.shared = SharedExpertSpec{.intermediate_size =
                                    read_size(config, "shared_expert_intermediate_size", 512)};
  return moe;
}

// true and "per-head" give each head one gate, anything else each element.
OutputGateSpec read_gate(ConfigReader& config) {
  constexpr const char* kKey = "gating";
  const bool is_text = config.has(kKey) && config.json()[kKey].is_string();
  const bool per_head = is_text ? config.text(kKey, "") == "per-head" : config.flag(kKey, true);
  return {.activation = Activation::kSoftplus, .per_head = per_head};
}

void place_heads(ConfigReader& config, const AttentionSpec& usual, Spec& spec) {
  constexpr const char* kKey = "num_attention_heads_per_layer";
  config.touch(kKey);
  if (!config.has(kKey)) return;
  const std::vector<double> heads = config.numbers(kKey);
  if (heads.size() != spec.layers.size()) {
    config.refuse(kKey,
                  "has " + std::to_string(heads.size()) + " entries for " +
                      std::to_string(spec.layers.size()) + " layers",
                  "give one for each layer");
  }
  for (size_t i = 0; i < heads.size(); ++i) {
    const int count = heads[i] >= 1.0 && heads[i] <= 65536.0 ? static_cast<int>(heads[i]) : 0;
    if (count != heads[i] || count % usual.num_key_value_heads != 0) {
      config.refuse(kKey, "holds what num_key_value_heads does not divide",
                    "each key head serves as many query heads");
    }
    checked_width(config, kKey, count, usual.head_dim);
    std::get<AttentionSpec>(spec.layers[i].mixer).num_attention_heads = count;
  }
}

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 100352,
                                          .hidden_size = 2048,
                                          .intermediate_size = 8192,
                                          .num_hidden_layers = 40,
                                          .num_attention_heads = 48,
                                          .num_key_value_heads = 8,
                                          .head_dim = 128,
                                          .max_position_embeddings = 131072});
  d.attention.qk_norm = QkNormSpec{d.norm};
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  d.attention.output_gate = read_gate(config);
  if (config.flag("moe_apply_router_weight_on_input", false)) {
    config.refuse("moe_apply_router_weight_on_input", "is true", "the class refuses it");
  }
  const MoeSpec moe = read_mixture(config);
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, d.attention, moe));
  set_dense_layers(spec, read_mlp_types(config, d.num_hidden_layers, 1),
                   {.intermediate_size = d.intermediate_size, .activation = moe.activation});
  place_heads(config, d.attention, spec);
  const int window = read_sliding_window(config, 512);
  const auto types =
      read_layer_types(config, d.num_hidden_layers, [](int) { return kFullAttention; });
  require_window(config, types, window);
  slide_layers(spec, types, window);
  const double share = config.has("rope_parameters") ? 1.0 : 0.5;
  place_type_ropes(config, types, {.theta = 5e5, .partial_rotary_factor = share},
                   {.theta = 1e4, .partial_rotary_factor = 1.0}, d, spec);
  return spec;
}

NameTable names(const Spec&) {
  const std::string mlp = "model.layers.{i}.mlp.";
  NameTable names = expert_names("shared_experts");
  names.name("attn_gate_proj", "model.layers.{i}.self_attn.g_proj")
      .or_pack(mlp + "experts.e_score_correction_bias", {"router_correction"});
  for (const std::string projection : {"gate_proj", "up_proj", "down_proj"}) {
    names.or_pack(mlp + "shared_expert." + projection, {"shared." + projection});
  }
  return names;
}

}  // namespace

constinit const Family kLaguna{
    .model_type = "laguna",
    .architecture = "LagunaForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
