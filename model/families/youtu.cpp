// Youtu: DeepSeek-V3's latent attention with a plain MLP.
// Source: transformers 5.23, models/youtu.
#include "model/families/deepseek_parts.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  const Dimensions d = read_dimensions(config, {.vocab_size = 128256,
                                                .hidden_size = 2048,
                                                .intermediate_size = 6144,
                                                .num_attention_heads = 16,
                                                .num_key_value_heads = 16,
                                                .head_dim = 64,
                                                .max_position_embeddings = 131072,
                                                .tie_word_embeddings = true});
  const LatentAttentionSpec attention = read_latent_attention(config, d,
                                                              {.q_lora_rank = 1536,
                                                               .kv_lora_rank = 512,
                                                               .qk_nope_head_dim = 128,
                                                               .qk_rope_head_dim = 64,
                                                               .v_head_dim = 128});
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu")};
  return make_decoder(d, pre_norm_layer(d.norm, attention, mlp));
}

constexpr InertKey kInert[] = {
    {"embedding_initializer_range"},
    {"mlp_bias", "false"},
};

}  // namespace

constinit const Family kYoutu{
    .model_type = "youtu",
    .architecture = "YoutuForCausalLM",
    .read = read,
    .names = deepseek_names,
    .inert = kInert,
};

}  // namespace plumb::model
