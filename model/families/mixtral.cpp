// Mixtral: Llama with a mixture of experts, the top-k of a softmax renormalised.
// Source: transformers 5.23, models/mixtral.
#include "model/families/family.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.intermediate_size = 0,
                                          .num_key_value_heads = 8,
                                          .head_dim_null = true,
                                          .max_position_embeddings = 131072,
                                          .rms_norm_eps = 1e-5});
  d.attention.rope =
      read_rope(config, {.theta = 1e6}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.sliding_window = read_sliding_window(config, 0);
  MoeSpec moe = read_experts(config, {.experts_key = "num_local_experts",
                                      .experts_alias = "num_experts",
                                      .intermediate_key = "intermediate_size",
                                      .num_experts = 8,
                                      .top_k = 2,
                                      .intermediate_size = 14336});
  moe.activation = read_activation(config, "hidden_act", "silu");
  return make_decoder(d, pre_norm_layer(d.norm, d.attention, moe));
}

NameTable names(const Spec&) {
  NameTable names = transformers_names();
  names.name("router", "model.layers.{i}.block_sparse_moe.gate")
      .name("experts.gate_proj", "model.layers.{i}.block_sparse_moe.experts.{e}.w1")
      .name("experts.up_proj", "model.layers.{i}.block_sparse_moe.experts.{e}.w3")
      .name("experts.down_proj", "model.layers.{i}.block_sparse_moe.experts.{e}.w2")
      .or_pack("model.layers.{i}.mlp.gate", {"router"});
  name_stacks(names);
  for (const std::string projection : {"gate_proj", "up_proj", "down_proj"}) {  // mlx-lm's
    names.or_pack("model.layers.{i}.block_sparse_moe.switch_mlp." + projection,
                  {"experts." + projection});
  }
  return names;
}

}  // namespace

constinit const Family kMixtral{
    .model_type = "mixtral",
    .architecture = "MixtralForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
