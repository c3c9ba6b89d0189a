#include "model/families/granitemoe_parts.h"

namespace plumb::model {

Spec read_granite_mixture(ConfigReader& config, bool shared) {
  Dimensions d = read_dimensions(config, {.intermediate_size = 0});
  d.attention.rope = read_rope(config, {}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  d.attention.scale = config.positive("attention_multiplier", 1.0);
  MoeSpec moe = read_experts(config, {.experts_key = "num_local_experts",
                                      .experts_alias = "num_experts",
                                      .intermediate_key = "intermediate_size",
                                      .num_experts = 8,
                                      .top_k = 2,
                                      .intermediate_size = 11008});
  moe.activation = read_activation(config, "hidden_act", "silu");
  moe.router.scores = RouterSpec::Scores::kSoftmaxOfChosen;
  moe.router.weights_rounded = true;
  const int64_t inner = shared ? config.integer("shared_intermediate_size", 0, 0, kWidthLimit) : 0;
  if (inner > 0) moe.shared = SharedExpertSpec{.intermediate_size = static_cast<int>(inner)};
  LayerSpec layer = pre_norm_layer(d.norm, d.attention, moe);
  layer.residual_multiplier = config.positive("residual_multiplier", 1.0);
  Spec spec = make_decoder(d, layer);
  spec.embedding_multiplier = config.positive("embedding_multiplier", 1.0);
  spec.logit_multiplier = 1.0 / config.positive("logits_scaling", 1.0);
  return spec;
}

namespace {

const std::string kLayer = "model.layers.{i}.";
const std::string kMixture = kLayer + "block_sparse_moe.";

}  // namespace

NameTable granite_module_names() {
  NameTable names = transformers_names();
  names.name("router", kMixture + "router")
      .pack(kLayer + "shared_mlp.input_linear", {"shared.gate_proj", "shared.up_proj"})
      .name("shared.down_proj", kLayer + "shared_mlp.output_linear");
  return name_stacks(names, kMixture);
}

// Published as input_linear and output_linear, stacks of all experts.
NameTable granite_mixture_names() {
  NameTable names = transformers_names();
  names.name("router", kMixture + "router.layer")
      .or_pack(kMixture + "router", {"router"})
      .or_pack(kMixture + "input_linear.weight",
               {"experts.gate_proj.weight", "experts.up_proj.weight"})
      .or_pack(kMixture + "output_linear.weight", {"experts.down_proj.weight"})
      .pack(kLayer + "shared_mlp.input_linear", {"shared.gate_proj", "shared.up_proj"})
      .name("shared.down_proj", kLayer + "shared_mlp.output_linear");
  return name_stacks(names, kMixture);
}

}  // namespace plumb::model
