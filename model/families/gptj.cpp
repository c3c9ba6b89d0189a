// GPT-J: both branches of a layer read one LayerNorm; an interleaved rope on a part of each head;
// biases in the MLP and the head. Source: transformers 5.23, models/gptj.
#include "model/families/family.h"
#include "model/families/gpt_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_gpt_dimensions(config, {.vocab_size = 50400,
                                              .hidden_size = 4096,
                                              .num_hidden_layers = 28,
                                              .num_attention_heads = 16,
                                              .max_position_embeddings = 2048,
                                              .tie_word_embeddings = false});
  d.attention.rope = read_gptj_rope(config, d.attention.head_dim, RopeRounding::kEveryStep);
  const MlpSpec mlp = read_plain_mlp(config, read_inner_size(config, "n_inner", d.hidden_size),
                                     "activation_function", "gelu_new");
  LayerSpec layer = pre_norm_layer(d.norm, d.attention, mlp);
  layer.parallel = true;
  layer.ffn_norm.reset();
  Spec spec = make_decoder(d, layer);
  spec.head_bias = true;
  return spec;
}

NameTable names(const Spec&) {
  return gpt_names()
      .name("q_proj", "transformer.h.{i}.attn.q_proj")
      .name("k_proj", "transformer.h.{i}.attn.k_proj")
      .name("v_proj", "transformer.h.{i}.attn.v_proj")
      .name("o_proj", "transformer.h.{i}.attn.out_proj")
      .name("up_proj", "transformer.h.{i}.mlp.fc_in")
      .name("down_proj", "transformer.h.{i}.mlp.fc_out")
      .or_prefix("transformer.", "");
}

}  // namespace

constinit const Family kGptJ{
    .model_type = "gptj",
    .architecture = "GPTJForCausalLM",
    .read = read,
    .names = names,
    .inert = kGptInert,
};

}  // namespace plumb::model
