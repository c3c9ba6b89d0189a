// CodeGen: GPT-J with q, v, k of four groups of heads in one tensor.
// Source: transformers 5.23, models/codegen.
#include "model/families/family.h"
#include "model/families/gpt_parts.h"

namespace plumb::model {
namespace {

constexpr int kGroups = 4;  // of the machines that it was trained on

Spec read(ConfigReader& config) {
  Dimensions d = read_gpt_dimensions(config, {.vocab_size = 50400,
                                              .hidden_size = 4096,
                                              .num_hidden_layers = 28,
                                              .num_attention_heads = 16,
                                              .max_position_embeddings = 2048,
                                              .tie_word_embeddings = false});
  if (d.attention.num_attention_heads % kGroups != 0) {
    config.refuse("n_head", "is no multiple of 4", "q, v and k lie in four groups of heads");
  }
  d.attention.rope = read_gptj_rope(config, d.attention.head_dim, RopeRounding::kOutput);
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
      .pack("transformer.h.{i}.attn.qkv_proj", {"q_proj", "v_proj", "k_proj"}, kGroups)
      .name("o_proj", "transformer.h.{i}.attn.out_proj")
      .name("up_proj", "transformer.h.{i}.mlp.fc_in")
      .name("down_proj", "transformer.h.{i}.mlp.fc_out")
      .ignore("*.attn.causal_mask", "a causal mask of old checkpoints")
      .or_prefix("transformer.", "");
}

}  // namespace

constinit const Family kCodeGen{
    .model_type = "codegen",
    .architecture = "CodeGenForCausalLM",
    .read = read,
    .names = names,
    .inert = kGptInert,
};

}  // namespace plumb::model
