// GLM-4 MoE Lite: DeepSeek-V3 whose mlp_layer_types says which layers have experts.
// Source: transformers 5.23, models/glm4_moe_lite.
#include "model/families/deepseek_parts.h"
#include "model/families/family.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

constexpr std::string_view kDense = "dense";
constexpr std::string_view kSparse = "sparse";
constexpr std::string_view kMlpTypes[] = {kDense, kSparse};

Spec read(ConfigReader& config) {
  const Dimensions d = read_dimensions(config, {.vocab_size = 154880,
                                                .hidden_size = 2048,
                                                .intermediate_size = 10240,
                                                .num_hidden_layers = 47,
                                                .num_attention_heads = 20,
                                                .num_key_value_heads = 20,
                                                .head_dim = 64,
                                                .max_position_embeddings = 202752,
                                                .rms_norm_eps = 1e-5});
  const LatentAttentionSpec attention = read_latent_attention(config, d,
                                                              {.q_lora_rank = 768,
                                                               .kv_lora_rank = 512,
                                                               .qk_nope_head_dim = 192,
                                                               .qk_rope_head_dim = 64,
                                                               .v_head_dim = 256});
  const MoeSpec moe = read_sigmoid_mixture(config, {.experts_key = "n_routed_experts",
                                                    .num_experts = 64,
                                                    .top_k = 4,
                                                    .intermediate_size = 1536,
                                                    .normalize = true,
                                                    .routed_scaling_factor = 1.8});
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, attention, moe));
  const auto types = read_types(config, "mlp_layer_types", d.num_hidden_layers, kMlpTypes,
                                [](int layer) { return layer == 0 ? kDense : kSparse; });
  std::vector<bool> sparse;
  for (const std::string& type : types) sparse.push_back(type == kSparse);
  set_dense_layers(spec, sparse,
                   {.intermediate_size = d.intermediate_size, .activation = moe.activation});
  spec.num_nextn_predict_layers =
      static_cast<int>(config.integer("num_nextn_predict_layers", 1, 0, 64));
  return spec;
}

// Dense layers go by mlp_layer_types alone, whatever first_k_dense_replace says; layers that
// predict further tokens change which tensors there are, and no logit.
constexpr InertKey kInert[] = {
    {"first_k_dense_replace"},       {"moe_layer_freq", "1"},         {"num_nextn_predict_layers"},
    {"scoring_func", "\"sigmoid\""}, {"topk_method", "\"noaux_tc\""},
};

}  // namespace

constinit const Family kGlm4MoeLite{
    .model_type = "glm4_moe_lite",
    .architecture = "Glm4MoeLiteForCausalLM",
    .read = read,
    .names = deepseek_names,
    .inert = kInert,
};

}  // namespace plumb::model
