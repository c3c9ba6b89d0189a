// DBRX: LayerNorms without bias, clipped queries, keys and values in one matrix, and experts by a
// softmax whose chosen weights are brought to length 1 in some norm.
// Source: transformers 5.23, models/dbrx.
#include "model/families/family.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

constexpr double kLayerNormEps = 1e-5;
// What configs inside a config say beside their own: nothing of the maths.
constexpr InertKey kAttentionInert[] = {{"attn_pdrop"}, {"model_type"}};
constexpr InertKey kExpertInert[] = {{"hidden_size"},
                                     {"model_type"},
                                     {"moe_jitter_eps"},
                                     {"moe_loss_weight"},
                                     {"uniform_expert_assignment", "false"}};

// A published config has theta in the attention's part; the class reads the model's, where it is
// stated.
void read_attention(ConfigReader& config, Dimensions& d) {
  ConfigReader part = config.object("attn_config");
  AttentionSpec& a = d.attention;
  a.num_key_value_heads = read_size(part, "kv_n_heads", 1, a.num_attention_heads);
  if (a.num_attention_heads % a.num_key_value_heads != 0) {
    part.refuse("kv_n_heads", "does not divide n_heads", "each key head serves as many heads");
  }
  a.qkv_clip = part.positive("clip_qkv", 0.0, Null::kMeansAbsent);
  a.rope = read_rope(config, {.theta = part.positive("rope_theta", 10000.0)}, a.head_dim,
                     d.max_position_embeddings);
  part.finish(generic_inert_keys(), kAttentionInert);
}

MoeSpec read_mixture(ConfigReader& config) {
  ConfigReader part = config.object("ffn_config");
  MoeSpec moe = read_experts(part, {.experts_key = "moe_num_experts",
                                    .experts_alias = "",
                                    .top_k_key = "moe_top_k",
                                    .intermediate_key = "ffn_hidden_size",
                                    .num_experts = 4,
                                    .top_k = 1,
                                    .intermediate_size = 3584});
  if (part.has("ffn_act_fn")) {
    ConfigReader activation = part.object("ffn_act_fn");
    moe.activation = read_activation(activation, "name", "silu");
    activation.finish({}, {});
  }
  part.touch("ffn_act_fn");
  constexpr const char* kNorm = "moe_normalize_expert_weights";
  moe.router.normalize = part.has(kNorm) || !part.present(kNorm);
  moe.router.normalize_norm = part.positive(kNorm, 1.0, Null::kMeansAbsent);
  moe.router.scores_rounded = moe.router.weights_rounded = true;
  part.finish(generic_inert_keys(), kExpertInert);
  return moe;
}

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.hidden_size = 2048,
                                          .intermediate_size = 0,
                                          .num_hidden_layers = 24,
                                          .num_attention_heads = 16,
                                          .heads_divide_hidden_size = true,
                                          .head_dim_derived = true,
                                          .eps_key = "",
                                          .layers_key = "n_layers",
                                          .hidden_key = "d_model",
                                          .heads_key = "n_heads",
                                          .max_position_key = "max_seq_len"});
  if (d.tie_word_embeddings) {
    config.refuse("tie_word_embeddings", "is true", "the class knows no tied head");
  }
  d.norm = NormSpec{
      .kind = NormSpec::Kind::kLayer, .eps = kLayerNormEps, .rounding = NormRounding::kAfterWeight};
  read_attention(config, d);
  return make_decoder(d, pre_norm_layer(d.norm, d.attention, read_mixture(config)));
}

// The experts' matrices stand in one, row after row; the last is transposed.
NameTable names(const Spec&) {
  const std::string block = "transformer.blocks.{i}.";
  const std::string experts = block + "ffn.experts.mlp.";
  return transformers_names()
      .name("embed", "transformer.wte")
      .name("final_norm", "transformer.norm_f")
      .name("mixer_norm", block + "norm_attn_norm.norm_1")
      .name("ffn_norm", block + "norm_attn_norm.norm_2")
      .pack(block + "norm_attn_norm.attn.Wqkv", {"q_proj", "k_proj", "v_proj"})
      .name("o_proj", block + "norm_attn_norm.attn.out_proj")
      .name("router", block + "ffn.router.layer")
      .name_flat("experts.gate_proj.weight", experts + "w1")
      .name_flat("experts.up_proj.weight", experts + "v1")
      .pack_column_blocks(experts + "w2", {"experts.down_proj.weight"}, true);
}

constexpr InertKey kInert[] = {
    {"emb_pdrop"},
    {"moe_loss_weight"},
    {"num_key_value_heads"},
    {"resid_pdrop"},
};

}  // namespace

constinit const Family kDbrx{
    .model_type = "dbrx",
    .architecture = "DbrxForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
