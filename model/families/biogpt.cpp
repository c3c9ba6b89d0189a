// BioGPT: learned positions from row 2 on, biases everywhere, a scaled embedding.
// Source: transformers 5.23, models/biogpt.
#include <cmath>

#include "model/families/family.h"
#include "model/families/gpt_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 42384,
                                          .hidden_size = 1024,
                                          .intermediate_size = 4096,
                                          .num_hidden_layers = 24,
                                          .num_attention_heads = 16,
                                          .max_position_embeddings = 1024,
                                          .tie_word_embeddings = true,
                                          .heads_divide_hidden_size = true,
                                          .head_dim_derived = true,
                                          .eps_key = "",
                                          .kv_heads_key = ""});
  d.norm = layer_norm(kTorchEps);
  d.attention.qkv_bias = d.attention.o_bias = true;
  const MlpSpec mlp = read_plain_mlp(config, d.intermediate_size, "hidden_act", "gelu");
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
  spec.positions = learned_positions(d.max_position_embeddings, kPositionOffset);
  if (config.flag("scale_embedding", true)) {
    spec.embedding_multiplier = std::sqrt(static_cast<double>(d.hidden_size));
  }
  return spec;
}

NameTable names(const Spec&) {
  return fairseq_names("biogpt.").name("lm_head", "output_projection");
}

// The norms have torch's own eps, whatever layer_norm_eps says.
constexpr InertKey kInert[] = {
    {"activation_dropout"},  {"attention_probs_dropout_prob"},
    {"hidden_dropout_prob"}, {"layer_norm_eps"},
    {"layerdrop"},
};

}  // namespace

constinit const Family kBioGpt{
    .model_type = "biogpt",
    .architecture = "BioGptForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
