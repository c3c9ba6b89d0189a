// DeepSeek-V3 and Kimi K2: latent attention, and from first_k_dense_replace on grouped experts.
// Source: transformers 5.23, models/deepseek_v3.
#include "model/families/deepseek_parts.h"
#include "model/families/family.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  const Dimensions d = read_dimensions(config, {.vocab_size = 129280,
                                                .hidden_size = 7168,
                                                .intermediate_size = 18432,
                                                .num_hidden_layers = 61,
                                                .num_attention_heads = 128,
                                                .num_key_value_heads = 128,
                                                .head_dim = 64,
                                                .max_position_embeddings = 4096});
  const LatentAttentionSpec attention = read_latent_attention(config, d,
                                                              {.q_lora_rank = 1536,
                                                               .kv_lora_rank = 512,
                                                               .qk_nope_head_dim = 128,
                                                               .qk_rope_head_dim = 64,
                                                               .v_head_dim = 128});
  const MoeSpec moe = read_sigmoid_mixture(config, {.experts_key = "n_routed_experts",
                                                    .num_experts = 256,
                                                    .top_k = 8,
                                                    .intermediate_size = 2048,
                                                    .normalize = true,
                                                    .routed_scaling_factor = 2.5,
                                                    .num_groups = 8,
                                                    .top_groups = 4});
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, attention, moe));
  set_dense_layers(spec, read_dense_start(config, d.num_hidden_layers, 3),
                   {.intermediate_size = d.intermediate_size, .activation = moe.activation});
  spec.num_nextn_predict_layers = static_cast<int>(
      read_renamed(config, "num_nextn_predict_layers", "num_mtp_layers", 1, 0, 64));
  return spec;
}

// Keys of the published remote code: another router, or experts in some layers only, would be
// another model. Layers that predict further tokens change which tensors there are, and no logit.
constexpr InertKey kInert[] = {
    {"aux_loss_alpha"},
    {"ep_size"},
    {"moe_layer_freq", "1"},
    {"num_mtp_layers"},
    {"num_nextn_predict_layers"},
    {"scoring_func", "\"sigmoid\""},
    {"seq_aux"},
    {"topk_method", "\"noaux_tc\""},
};

}  // namespace

// Moonshot's Kimi K2: published under a model_type of its own, with DeepSeek-V3's code and class.
constinit const Family kKimiK2{
    .model_type = "kimi_k2",
    .architecture = "DeepseekV3ForCausalLM",
    .read = read,
    .names = deepseek_names,
    .inert = kInert,
};

constinit const Family kDeepseekV3{
    .model_type = "deepseek_v3",
    .architecture = "DeepseekV3ForCausalLM",
    .read = read,
    .names = deepseek_names,
    .inert = kInert,
};

}  // namespace plumb::model
