// GPT-BigCode (SantaCoder, StarCoder): GPT-2 with one key head for all queries.
// Source: transformers 5.23, models/gpt_bigcode.
#include "model/families/family.h"
#include "model/families/gpt_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_gpt_dimensions(config, {});
  if (config.flag("multi_query", true)) d.attention.num_key_value_heads = 1;
  d.attention.qkv_bias = d.attention.o_bias = true;
  if (!config.flag("scale_attn_weights", true)) d.attention.scale = 1.0;
  const MlpSpec mlp = read_plain_mlp(config, read_inner_size(config, "n_inner", d.hidden_size),
                                     "activation_function", "gelu_pytorch_tanh");
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
  spec.positions = learned_positions(d.max_position_embeddings);
  return spec;
}

// q, k, v one after the other, or of one head after the other.
NameTable names(const Spec& spec) {
  const int groups = std::get<AttentionSpec>(spec.layers.front().mixer).num_key_value_heads;
  return gpt_names()
      .pack("transformer.h.{i}.attn.c_attn", {"q_proj", "k_proj", "v_proj"}, groups)
      .or_prefix("transformer.", "");
}

}  // namespace

constinit const Family kGptBigCode{
    .model_type = "gpt_bigcode",
    .architecture = "GPTBigCodeForCausalLM",
    .read = read,
    .names = names,
    .inert = kGptInert,
};

}  // namespace plumb::model
