// A.X K1: DeepSeek-V3 with a norm on what the experts return.
// Source: transformers 5.23, models/axk1.
#include "model/families/deepseek_parts.h"
#include "model/families/family.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

// Older configs say it by first_k_dense_replace and moe_layer_freq.
std::vector<bool> read_sparse(ConfigReader& config, int num_hidden_layers) {
  constexpr int64_t kLimit = 1 << 20;
  const int64_t dense = config.integer("first_k_dense_replace", 1, 0, kLimit);
  const int64_t frequency = config.integer("moe_layer_freq", 1, 1, kLimit);
  if (config.has("mlp_layer_types")) return read_mlp_types(config, num_hidden_layers, dense);
  config.touch("mlp_layer_types");
  std::vector<bool> sparse;
  for (int i = 0; i < num_hidden_layers; ++i) sparse.push_back(i >= dense && i % frequency == 0);
  return sparse;
}

Spec read(ConfigReader& config) {
  const Dimensions d = read_dimensions(config, {.vocab_size = 163840,
                                                .hidden_size = 7168,
                                                .intermediate_size = 18432,
                                                .num_hidden_layers = 61,
                                                .num_attention_heads = 64,
                                                .num_key_value_heads = 64,
                                                .head_dim = 64,
                                                .max_position_embeddings = 32768});
  if (config.present("q_lora_rank") && !config.has("q_lora_rank")) {
    config.refuse("q_lora_rank", "is null", "this class's queries always have a latent");
  }
  const LatentAttentionSpec attention = read_latent_attention(config, d,
                                                              {.q_lora_rank = 1536,
                                                               .kv_lora_rank = 512,
                                                               .qk_nope_head_dim = 128,
                                                               .qk_rope_head_dim = 64,
                                                               .v_head_dim = 128});
  const MoeSpec moe = read_sigmoid_mixture(config, {.experts_key = "n_routed_experts",
                                                    .num_experts = 192,
                                                    .top_k = 8,
                                                    .intermediate_size = 2048,
                                                    .normalize = true,
                                                    .routed_scaling_factor = 2.5,
                                                    .num_groups = 8,
                                                    .top_groups = 4});
  LayerSpec layer = pre_norm_layer(d.norm, attention, moe);
  layer.ffn_post_norm = d.norm;
  Spec spec = make_decoder(d, layer);
  const std::vector<bool> sparse = read_sparse(config, d.num_hidden_layers);
  set_dense_layers(spec, sparse,
                   {.intermediate_size = d.intermediate_size, .activation = moe.activation});
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    if (!sparse[i]) spec.layers[i].ffn_post_norm.reset();
  }
  return spec;
}

// Published beside the layer, and for dense layers too, which do not use it.
NameTable names(const Spec& spec) {
  const std::string layer = "model.layers.{i}.";
  NameTable names = deepseek_names(spec);
  names.name("ffn_post_norm", layer + "post_mlp_layernorm")
      .or_pack(layer + "mlp.post_mlp_layernorm", {"ffn_post_norm"});
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    if (spec.layers[i].ffn_post_norm) continue;
    for (const char* part : {".post_mlp_layernorm.*", ".mlp.post_mlp_layernorm.*"}) {
      names.ignore("model.layers." + std::to_string(i) + part, "dense layers do not use it");
    }
  }
  return names;
}

constexpr InertKey kInert[] = {
    {"ep_size"},
    {"num_nextn_predict_layers"},
    {"scoring_func", "\"sigmoid\""},
    {"topk_method", "\"noaux_tc\""},
};

}  // namespace

constinit const Family kAxK1{
    .model_type = "axk1",
    .architecture = "AXK1ForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
