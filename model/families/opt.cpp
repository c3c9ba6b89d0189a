// OPT: learned positions from row 2 on, an MLP of relu without a gate; LayerNorms before the
// branches or after the sums; by a switch an embedding of another width. Source: transformers 5.23,
// models/opt.
#include "model/families/family.h"
#include "model/families/gpt_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 50272,
                                          .hidden_size = 768,
                                          .intermediate_size = 0,
                                          .num_hidden_layers = 12,
                                          .num_attention_heads = 12,
                                          .tie_word_embeddings = true,
                                          .heads_divide_hidden_size = true,
                                          .head_dim_derived = true,
                                          .eps_key = "",
                                          .kv_heads_key = ""});
  d.norm = layer_norm(kTorchEps);
  d.norm.weight = d.norm.bias = config.flag("layer_norm_elementwise_affine", true);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("enable_bias", true);
  MlpSpec mlp =
      read_plain_mlp(config, read_size(config, "ffn_dim", 3072), "activation_function", "relu");
  mlp.bias = d.attention.o_bias;
  const bool before = config.flag("do_layer_norm_before", true);
  const bool removed = config.flag("_remove_final_layer_norm", false);
  Spec spec = make_decoder(d, before ? pre_norm_layer(d.norm, d.attention, mlp)
                                     : sum_norm_layer(d.norm, d.attention, mlp));
  if (!before || removed) spec.final_norm.reset();
  spec.positions = learned_positions(d.max_position_embeddings, 2);
  spec.embedding_size =
      read_size(config, "word_embed_proj_dim", d.hidden_size, kWidthLimit, Null::kMeansAbsent);
  return spec;
}

NameTable names(const Spec& spec) {
  const bool before = spec.layers.front().mixer_norm.has_value();
  const std::string layer = "model.decoder.layers.{i}.";
  return fairseq_names("model.decoder.")
      .name("embed_in", "model.decoder.project_in")
      .name("embed_out", "model.decoder.project_out")
      .name("final_norm", "model.decoder.final_layer_norm")
      .name(before ? "mixer_norm" : "mixer_sum_norm", layer + "self_attn_layer_norm")
      .name(before ? "ffn_norm" : "ffn_sum_norm", layer + "final_layer_norm")
      .or_prefix("model.", "");
}

}  // namespace

constinit const Family kOpt{
    .model_type = "opt",
    .architecture = "OPTForCausalLM",
    .read = read,
    .names = names,
    .inert = kGptInert,
};

}  // namespace plumb::model
