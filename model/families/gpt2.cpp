// GPT-2: LayerNorms, learned positions, biases everywhere, an MLP without a gate; its matrices are
// stored transposed. Source: transformers 5.23, models/gpt2.
#include "model/families/family.h"
#include "model/families/gpt_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_gpt_dimensions(config, {});
  d.attention.qkv_bias = d.attention.o_bias = true;
  if (!config.flag("scale_attn_weights", true)) d.attention.scale = 1.0;
  const MlpSpec mlp = read_plain_mlp(config, read_inner_size(config, "n_inner", d.hidden_size),
                                     "activation_function", "gelu_new");
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
  spec.positions = learned_positions(d.max_position_embeddings);
  if (config.flag("scale_attn_by_inverse_layer_idx", false)) {
    for (size_t i = 0; i < spec.layers.size(); ++i) {
      std::get<AttentionSpec>(spec.layers[i].mixer).scale /= static_cast<double>(i + 1);
    }
  }
  return spec;
}

NameTable names(const Spec&) {
  return gpt_names()
      .pack_transposed("transformer.h.{i}.attn.c_attn", {"q_proj", "k_proj", "v_proj"})
      .pack_transposed("transformer.h.{i}.attn.c_proj", {"o_proj"})
      .pack_transposed("transformer.h.{i}.mlp.c_fc", {"up_proj"})
      .pack_transposed("transformer.h.{i}.mlp.c_proj", {"down_proj"})
      .or_prefix("transformer.", "");
}

}  // namespace

constinit const Family kGpt2{
    .model_type = "gpt2",
    .architecture = "GPT2LMHeadModel",
    .read = read,
    .names = names,
    .inert = kGptInert,
};

// The same under the name of its tokenizer.
constinit const Family kGptSw3{
    .model_type = "gpt-sw3",
    .architecture = "GPT2LMHeadModel",
    .read = read,
    .names = names,
    .inert = kGptInert,
};

}  // namespace plumb::model
