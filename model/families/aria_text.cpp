// Aria's text part: Llama with experts by a softmax of the chosen beside shared ones.
// Source: transformers 5.23, models/aria.
#include "model/families/family.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

// The routed experts are always SiLU-gated; hidden_act is the shared one's.
MoeSpec read_mixture(ConfigReader& config) {
  const MixtureDefaults defaults{.experts_key = "moe_num_experts",
                                 .experts_alias = "",
                                 .top_k_key = "moe_topk",
                                 .intermediate_key = "intermediate_size",
                                 .shared_key = "moe_num_shared_experts",
                                 .num_experts = 8,
                                 .top_k = 2,
                                 .intermediate_size = 4096,
                                 .num_shared_experts = 2};
  MoeSpec moe = read_experts(config, defaults);
  moe.router.scores = RouterSpec::Scores::kSoftmaxOfChosen;
  moe.router.weights_rounded = true;
  moe.shared = read_shared(config, defaults, moe.intermediate_size);
  moe.shared->activation = read_activation(config, "hidden_act", "silu");
  moe.shared->bias = config.flag("mlp_bias", false);
  return moe;
}

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(
      config, {.intermediate_size = 0, .head_dim_null = true, .heads_divide_hidden_size = true});
  if (d.hidden_size % d.attention.num_attention_heads != 0) {
    config.refuse("hidden_size", "is no multiple of num_attention_heads", "the class refuses it");
  }
  d.attention.rope = read_rope(config, {}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  return make_decoder(d, pre_norm_layer(d.norm, d.attention, read_mixture(config)));
}

// The file's stacks of experts are [experts, in, out], gate before up on the last axis.
NameTable names(const Spec&) {
  const std::string mlp = "model.layers.{i}.mlp.";
  const std::vector<std::string> in = {"experts.gate_proj.weight", "experts.up_proj.weight"};
  NameTable names = transformers_names();
  for (const std::string projection : {"gate_proj", "up_proj", "down_proj"}) {
    names.name("shared." + projection, mlp + "shared_experts." + projection);
  }
  return names.name("router", mlp + "router")
      .pack_column_blocks(mlp + "experts.fc1.weight", in)
      .pack_column_blocks(mlp + "experts.fc2.weight", {"experts.down_proj.weight"})
      .pack_column_blocks(mlp + "experts.gate_up_proj", in)
      .pack_column_blocks(mlp + "experts.down_proj", {"experts.down_proj.weight"});
}

constexpr InertKey kInert[] = {
    {"moe_aux_loss_coeff"},
    {"moe_z_loss_coeff"},
};

}  // namespace

constinit const Family kAriaText{
    .model_type = "aria_text",
    .architecture = "AriaTextForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
