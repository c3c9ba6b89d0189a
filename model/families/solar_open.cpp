// Solar Open: Llama attention, and DeepSeek-V3's grouped experts in every layer.
// Source: transformers 5.23, models/solar_open.
#include "model/families/family.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 196608,
                                          .hidden_size = 4096,
                                          .intermediate_size = 0,
                                          .num_hidden_layers = 48,
                                          .num_attention_heads = 64,
                                          .num_key_value_heads = 8,
                                          .head_dim = 128,
                                          .max_position_embeddings = 131072,
                                          .rms_norm_eps = 1e-5});
  d.attention.rope =
      read_rope(config, {.theta = 1e6}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = config.flag("attention_bias", false);
  const MoeSpec moe = read_sigmoid_mixture(config, {.experts_key = "n_routed_experts",
                                                    .num_experts = 128,
                                                    .top_k = 8,
                                                    .intermediate_size = 1280,
                                                    .normalize = true});
  return make_decoder(d, pre_norm_layer(d.norm, d.attention, moe));
}

NameTable names(const Spec&) {
  return expert_names("shared_experts");
}

// Not read by the class: no layer of it is dense.
constexpr InertKey kInert[] = {
    {"first_k_dense_replace"},       {"intermediate_size"},    {"scoring_func", "\"sigmoid\""},
    {"topk_method", "\"noaux_tc\""}, {"use_qk_norm", "false"},
};

}  // namespace

constinit const Family kSolarOpen{
    .model_type = "solar_open",
    .architecture = "SolarOpenForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
