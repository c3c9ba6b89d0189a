// DeepSeek-V2: latent attention with a rope of interleaved pairs, and from first_k_dense_replace on
// experts by the best of a softmax, or of that within the groups with the best expert.
// Source: transformers 5.23, models/deepseek_v2.
#include "model/families/deepseek_parts.h"
#include "model/families/family.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

void read_method(ConfigReader& config, const MixtureDefaults& defaults, RouterSpec& router) {
  const std::string method = config.text("topk_method", "greedy");
  if (method == "greedy") {
    for (const char* key : {"n_group", "topk_group"}) config.touch(key);
  } else if (method == "group_limited_greedy") {
    for (const char* key : {"n_group", "topk_group"}) {
      if (!config.has(key)) config.refuse(key, "is missing", "this topk_method needs it");
    }
    router.group_experts = 1;
    read_groups(config, defaults, router);
  } else {
    config.refuse("topk_method", "is the unknown method '" + method + "'",
                  "supported: greedy, group_limited_greedy");
  }
}

MoeSpec read_mixture(ConfigReader& config) {
  const MixtureDefaults defaults{.experts_key = "n_routed_experts",
                                 .experts_alias = "num_experts",
                                 .num_experts = 64,
                                 .top_k = 1,
                                 .intermediate_size = 1407,
                                 .num_shared_experts = 2};
  if (!config.has("num_experts_per_tok")) {
    config.refuse("num_experts_per_tok", "is missing", "this model type has no default for it");
  }
  MoeSpec moe = read_experts(config, defaults);
  moe.activation = read_activation(config, "hidden_act", "silu");
  moe.router.normalize = false;
  read_method(config, defaults, moe.router);
  moe.router.scaling = config.positive("routed_scaling_factor", 1.0);
  moe.router.in_float32 = true;
  moe.shared = read_shared(config, defaults, moe.intermediate_size);
  moe.shared->bias = config.flag("mlp_bias", false);
  return moe;
}

Spec read(ConfigReader& config) {
  const Dimensions d = read_dimensions(config, {.vocab_size = 102400, .head_dim = 64});
  const LatentAttentionSpec attention = read_latent_attention(config, d,
                                                              {.q_lora_rank = 1536,
                                                               .kv_lora_rank = 512,
                                                               .qk_nope_head_dim = 128,
                                                               .qk_rope_head_dim = 64,
                                                               .v_head_dim = 128,
                                                               .pairs = RopePairs::kInterleaved,
                                                               .rounding = RopeRounding::kOutput});
  const MoeSpec moe = read_mixture(config);
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, attention, moe));
  set_dense_layers(spec, read_dense_start(config, d.num_hidden_layers, 0),
                   {.intermediate_size = d.intermediate_size,
                    .activation = moe.activation,
                    .bias = moe.shared->bias});
  return spec;
}

// The class does not normalise, whatever norm_topk_prob says.
constexpr InertKey kInert[] = {
    {"moe_layer_freq", "1"},
    {"norm_topk_prob"},
    {"scoring_func", "\"softmax\""},
};

}  // namespace

constinit const Family kDeepseekV2{
    .model_type = "deepseek_v2",
    .architecture = "DeepseekV2ForCausalLM",
    .read = read,
    .names = deepseek_names,
    .inert = kInert,
};

}  // namespace plumb::model
