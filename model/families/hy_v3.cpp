// Hunyuan 3: Qwen3's attention, and experts chosen by sigmoids with a correction beside a shared
// one. Source: transformers 5.23, models/hy_v3.
#include "model/families/family.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 120832,
                                          .intermediate_size = 13312,
                                          .num_hidden_layers = 80,
                                          .num_attention_heads = 64,
                                          .num_key_value_heads = 8,
                                          .head_dim = 128,
                                          .max_position_embeddings = 131072,
                                          .rms_norm_eps = 1e-5});
  d.attention.qk_norm = QkNormSpec{d.norm};
  d.attention.rope =
      read_rope(config, {.theta = 11158840.0}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  MoeSpec moe = read_corrected_mixture(config,
                                       {.shared_key = "num_shared_experts",
                                        .num_experts = 192,
                                        .top_k = 8,
                                        .intermediate_size = 1536},
                                       1e-20);
  moe.router.scaling = config.positive("router_scaling_factor", 2.826);
  moe.router.in_float32 = true;
  moe.shared->bias = config.flag("mlp_bias", false);
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, d.attention, moe));
  set_dense_layers(spec, read_mlp_types(config, d.num_hidden_layers, 1),
                   {.intermediate_size = d.intermediate_size,
                    .activation = moe.activation,
                    .bias = moe.shared->bias});
  return spec;
}

// Published with the router's parts elsewhere.
NameTable names(const Spec& spec) {
  const std::string mlp = "model.layers.{i}.mlp.";
  NameTable names = expert_names("shared_experts");
  names.name("router_correction", mlp + "e_score_correction_bias")
      .or_pack(mlp + "expert_bias", {"router_correction"})
      .or_pack(mlp + "router.gate", {"router"});
  for (const std::string projection : {"gate_proj", "up_proj", "down_proj"}) {
    names.or_pack(mlp + "shared_mlp." + projection, {"shared." + projection});
  }
  ignore_further_layers(spec, names);
  return names.ignore("model.layers." + std::to_string(spec.layers.size()) + ".*",
                      "predicts a further token");
}

// Sums of float32 or of the model's dtype are one in exact arithmetic.
constexpr InertKey kInert[] = {
    {"enable_moe_fp32_combine"},
    {"num_nextn_predict_layers"},
    {"qk_norm", "true"},
    {"route_norm", "true"},
};

}  // namespace

constinit const Family kHyV3{
    .model_type = "hy_v3",
    .architecture = "HYV3ForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
