// Hunyuan, dense: Llama with a QK norm after the rope, and a rope whose theta `alpha` stretches.
// Source: transformers 5.23, models/hunyuan_v1_dense.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 290943, .rms_norm_eps = 1e-5});
  d.attention.rope =
      read_rope(config, {.static_ntk = true}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.qk_norm = QkNormSpec{.norm = d.norm, .after_rope = true};
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu")};
  return make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
}

NameTable names(const Spec&) {
  return transformers_names()
      .name("q_norm", "model.layers.{i}.self_attn.query_layernorm")
      .name("k_norm", "model.layers.{i}.self_attn.key_layernorm");
}

constexpr InertKey kInert[] = {
    {"attention_head_dim"}, {"cla_share_factor"},    {"eod_token_id"},
    {"im_end_id"},          {"im_newline_id"},       {"im_start_id"},
    {"mask_init_id"},       {"mlp_bias", "false"},   {"norm_type", "\"rms\""},
    {"num_experts", "1"},   {"num_media_embeds"},    {"org_vocab_size"},
    {"sep_token_id"},       {"text_end_id"},         {"text_start_id"},
    {"use_cla", "false"},   {"use_qk_norm", "true"}, {"use_rotary_pos_emb", "true"},
};

}  // namespace

constinit const Family kHunYuanV1Dense{
    .model_type = "hunyuan_v1_dense",
    .architecture = "HunYuanDenseV1ForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
