// Hunyuan with experts: a QK norm after the rope, whose theta `alpha` stretches, and beside the
// experts a shared one of their size. Source: transformers 5.23, models/hunyuan_v1_moe.
#include <algorithm>

#include "model/families/family.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

constexpr int64_t kExpertLimit = 4096;

// A number, or a list of one for each layer.
std::vector<int> read_each(ConfigReader& config, const char* key, int num_hidden_layers) {
  const auto count = static_cast<size_t>(num_hidden_layers);
  if (!config.has(key) || !config.json().at(key).is_array()) {
    return std::vector<int>(count, static_cast<int>(config.integer(key, 1, 1, kExpertLimit)));
  }
  const std::vector<double> values = config.numbers(key);
  if (values.size() < count) {
    config.refuse(key,
                  "has " + std::to_string(values.size()) + " entries for " +
                      std::to_string(num_hidden_layers) + " layers",
                  "give one for each layer");
  }
  std::vector<int> each;
  for (size_t i = 0; i < count; ++i) {
    const double value = values[i];
    if (!(value >= 1.0 && value <= kExpertLimit) || value != static_cast<int>(value)) {
      config.refuse(key, "holds what is no number of experts");
    }
    each.push_back(static_cast<int>(value));
  }
  return each;
}

// The class gives all layers as many experts as the first key says; the second may differ.
void place_experts(ConfigReader& config, MoeSpec moe, Spec& spec) {
  const int layers = static_cast<int>(spec.layers.size());
  const std::vector<int> experts = read_each(config, "num_experts", layers);
  const std::vector<int> chosen = read_each(config, "moe_topk", layers);
  if (!std::equal(experts.begin() + 1, experts.end(), experts.begin())) {
    config.refuse("num_experts", "differs between layers", "give all layers as many");
  }
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    moe.router.num_experts = experts[i];
    moe.router.top_k = chosen[i];
    if (chosen[i] > experts[i]) {
      config.refuse("moe_topk", "is " + std::to_string(chosen[i]),
                    "there are " + std::to_string(experts[i]) + " experts to choose from");
    }
    spec.layers[i].ffn = moe;
  }
}

Spec read(ConfigReader& config) {
  Dimensions d =
      read_dimensions(config, {.vocab_size = 290943, .head_dim_null = true, .rms_norm_eps = 1e-5});
  d.attention.rope =
      read_rope(config, {.static_ntk = true}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.qk_norm = QkNormSpec{.norm = d.norm, .after_rope = true};
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  MoeSpec moe{.intermediate_size = d.intermediate_size,
              .activation = read_activation(config, "hidden_act", "silu"),
              .shared = SharedExpertSpec{.intermediate_size = d.intermediate_size}};
  moe.router.weights_rounded = true;
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, d.attention, moe));
  place_experts(config, moe, spec);
  return spec;
}

NameTable names(const Spec&) {
  return expert_names("shared_mlp")
      .name("q_norm", "model.layers.{i}.self_attn.query_layernorm")
      .name("k_norm", "model.layers.{i}.self_attn.key_layernorm")
      .name("router", "model.layers.{i}.mlp.gate.wg");
}

// Published beside the class's own keys.
constexpr InertKey kInert[] = {
    {"attention_head_dim"},
    {"capacity_factor"},
    {"cla_share_factor"},
    {"eod_token_id"},
    {"group_limited_greedy", "false"},
    {"im_end_id"},
    {"im_newline_id"},
    {"im_start_id"},
    {"mask_init_id"},
    {"mlp_bias", "false"},
    {"moe_drop_tokens"},
    {"moe_intermediate_size"},
    {"moe_layer_num_skipped", "0"},
    {"moe_random_routing_dropped_token"},
    {"n_group"},
    {"norm_topk_prob", "true"},
    {"norm_type", "\"rms\""},
    {"num_experts_per_tok"},
    {"num_media_embeds"},
    {"num_shared_expert"},
    {"org_vocab_size"},
    {"pool_type"},
    {"routed_scaling_factor", "1|1.0"},
    {"sep_token_id"},
    {"text_end_id"},
    {"text_start_id"},
    {"topk_group"},
    {"use_cla", "false"},
    {"use_mixed_mlp_moe", "true"},
    {"use_qk_norm", "true"},
    {"use_rotary_pos_emb", "true"},
};

}  // namespace

constinit const Family kHunYuanV1Moe{
    .model_type = "hunyuan_v1_moe",
    .architecture = "HunYuanMoEV1ForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
