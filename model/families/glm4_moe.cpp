// GLM-4.5: Llama attention with a rope on half of each head and, with use_qk_norm, a norm for each
// of them; from first_k_dense_replace on DeepSeek-V3's experts. Source: transformers 5.23,
// models/glm4_moe.
#include "model/families/decoder.h"
#include "model/families/family.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 151552,
                                          .intermediate_size = 10944,
                                          .num_hidden_layers = 46,
                                          .num_attention_heads = 96,
                                          .num_key_value_heads = 8,
                                          .max_position_embeddings = 131072,
                                          .rms_norm_eps = 1e-5});
  d.attention.rope = read_rope(config, {.partial_rotary_factor = 0.5}, d.attention.head_dim,
                               d.max_position_embeddings);
  d.attention.qkv_bias = config.flag("attention_bias", false);
  if (config.flag("use_qk_norm", false)) d.attention.qk_norm = QkNormSpec{d.norm};
  const MoeSpec moe = read_sigmoid_mixture(config, {.experts_key = "n_routed_experts",
                                                    .num_experts = 128,
                                                    .top_k = 8,
                                                    .intermediate_size = 1408,
                                                    .normalize = true});
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, d.attention, moe));
  set_dense_layers(spec, read_dense_start(config, d.num_hidden_layers, 1),
                   {.intermediate_size = d.intermediate_size, .activation = moe.activation});
  spec.num_nextn_predict_layers = static_cast<int>(
      read_renamed(config, "num_nextn_predict_layers", "num_mtp_layers", 1, 0, 64));
  return spec;
}

NameTable names(const Spec& spec) {
  NameTable names = expert_names("shared_experts");
  ignore_further_layers(spec, names);
  return names;
}

constexpr InertKey kInert[] = {
    {"moe_layer_freq", "1"},
    {"scoring_func", "\"sigmoid\""},
    {"topk_method", "\"noaux_tc\""},
};

}  // namespace

constinit const Family kGlm4Moe{
    .model_type = "glm4_moe",
    .architecture = "Glm4MoeForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
