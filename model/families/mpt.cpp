// MPT: LayerNorms without bias, linear biases for positions, clipped q, k and v.
// Source: transformers 5.23, models/mpt.
#include "model/families/family.h"
#include "model/families/gpt_parts.h"

namespace plumb::model {
namespace {

// transformers takes 8 for alibi_bias_max, whatever a config says.
constexpr InertKey kAttentionInert[] = {
    {"alibi_bias_max", "8"},
    {"attn_impl"},
    {"attn_pdrop"},
    {"alibi", "true"},
    {"attn_type", "\"multihead_attention\""},
    {"prefix_lm", "false"},
    {"qk_ln", "false"},
    {"attn_uses_sequence_id", "false"},
    {"model_type"},
};

void read_attention(ConfigReader& config, AttentionSpec& a) {
  constexpr const char* kKey = "attn_config";
  config.touch(kKey);
  const base::Json stated = config.has(kKey) ? config.object(kKey).json() : base::Json::object();
  ConfigReader inner = config.object(kKey, stated);
  const double clip = inner.number("clip_qkv", 0.0, Null::kMeansAbsent);
  if (clip < 0.0) inner.refuse("clip_qkv", "is negative", "it limits the size of q, k and v");
  a.qkv_clip = clip;
  a.scale = inner.positive("softmax_scale", a.scale, Null::kMeansAbsent);
  a.alibi = AlibiSpec{.slopes = alibi_slopes(a.num_attention_heads)};
  inner.finish(generic_inert_keys(), kAttentionInert);
}

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 50368,
                                          .hidden_size = 2048,
                                          .intermediate_size = 0,
                                          .num_hidden_layers = 24,
                                          .num_attention_heads = 16,
                                          .rms_norm_eps = 1e-5,
                                          .tie_word_embeddings = true,
                                          .heads_divide_hidden_size = true,
                                          .head_dim_derived = true,
                                          .eps_key = "layer_norm_epsilon",
                                          .layers_key = "n_layers",
                                          .hidden_key = "d_model",
                                          .heads_key = "n_heads",
                                          .kv_heads_key = "",
                                          .max_position_key = "max_seq_len",
                                          .usual_names = true});
  d.norm = layer_norm(d.norm.eps);
  d.norm.bias = false;
  read_attention(config, d.attention);
  const MlpSpec mlp{.intermediate_size = checked_width(config, "d_model", 4, d.hidden_size),
                    .activation = Activation::kGelu,
                    .gated = false};
  return make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
}

NameTable names(const Spec&) {
  const std::string layer = "transformer.blocks.{i}.";
  NameTable names;
  names.name("embed", "transformer.wte")
      .name("final_norm", "transformer.norm_f")
      .name("mixer_norm", layer + "norm_1")
      .name("ffn_norm", layer + "norm_2")
      .pack(layer + "attn.Wqkv", {"q_proj", "k_proj", "v_proj"})
      .name("o_proj", layer + "attn.out_proj")
      .name("up_proj", layer + "ffn.up_proj")
      .name("down_proj", layer + "ffn.down_proj")
      .name("lm_head", "lm_head")
      .or_prefix("transformer.", "");
  return names;
}

constexpr InertKey kInert[] = {
    {"attn_impl"},           {"emb_pdrop"},       {"embedding_fraction"}, {"expansion_ratio", "4"},
    {"init_device"},         {"learned_pos_emb"},  // linear biases go before it
    {"logit_scale", "null"}, {"no_bias", "true"}, {"norm_type"},
};

}  // namespace

constinit const Family kMpt{
    .model_type = "mpt",
    .architecture = "MptForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
