// Qwen3.5-MoE: Qwen3.5 with Qwen3-Next's experts in every layer; alone, and as the text part of the
// multimodal model. Source: transformers 5.23, models/qwen3_5_moe.
#include "model/families/family.h"
#include "model/families/hybrid_parts.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

Spec read_text(ConfigReader& config) {
  const Dimensions d = read_dimensions(config, {.vocab_size = 248320,
                                                .hidden_size = 2048,
                                                .intermediate_size = 0,
                                                .num_hidden_layers = 40,
                                                .num_attention_heads = 16,
                                                .num_key_value_heads = 2,
                                                .head_dim = 256,
                                                .max_position_embeddings = 32768});
  read_hybrid_activation(config);
  MoeSpec moe = read_softmax_mixture(config, {.experts_alias = "",
                                              .num_experts = 256,
                                              .top_k = 8,
                                              .intermediate_size = 512,
                                              .normalize = true,
                                              .shared_intermediate_size = 512});
  if (!moe.router.normalize) {
    config.refuse("norm_topk_prob", "is false", "this model type's weights always sum to one");
  }
  return read_hybrid(config, d, moe);
}

NameTable names(const Spec& spec) {
  NameTable names = expert_names();
  return name_hybrid_mixers(names, spec);
}

NameTable text_names(const Spec& spec) {
  NameTable table = names(spec);
  return name_text_part(table);
}

Spec read_wrapper(ConfigReader& config) {
  return read_wrapped(config, kQwen35MoeText);
}

NameTable wrapper_names(const Spec& spec) {
  NameTable table = names(spec);
  return name_wrapped_part(table);
}

}  // namespace

constinit const Family kQwen35MoeText{
    .model_type = "qwen3_5_moe_text",
    .architecture = "Qwen3_5MoeForCausalLM",
    .read = read_text,
    .names = text_names,
    .inert = kQwen35TextInert,
};

constinit const Family kQwen35Moe{
    .model_type = "qwen3_5_moe",
    .architecture = "Qwen3_5MoeForConditionalGeneration",
    .read = read_wrapper,
    .names = wrapper_names,
    .inert = kQwen35Inert,
};

}  // namespace plumb::model
