// nanochat: RMS norms without weights, one of them after the embedding and one for each head of q
// and k after the rope, which turns the other way round; an MLP of squared relu without a gate, a
// soft cap. Source: transformers 5.23, models/nanochat.
#include "model/families/family.h"
#include "model/families/gemma_parts.h"
#include "model/families/gpt_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 50304,
                                          .hidden_size = 768,
                                          .intermediate_size = 8192,
                                          .num_hidden_layers = 12,
                                          .num_attention_heads = 6,
                                          .heads_divide_hidden_size = true});
  d.norm.weight = false;
  d.attention.rope = read_rope(config, {}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.rope->clockwise = true;
  d.attention.qk_norm = QkNormSpec{.norm = d.norm, .after_rope = true};
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  MlpSpec mlp = read_plain_mlp(config, d.intermediate_size, "hidden_act", "relu2");
  mlp.bias = false;
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
  spec.embedding_norm = d.norm;
  spec.final_soft_cap = read_soft_cap(config, "final_logit_softcapping", 15.0);
  return spec;
}

NameTable names(const Spec&) {
  return transformers_names()
      .name("up_proj", "model.layers.{i}.mlp.fc1")
      .name("down_proj", "model.layers.{i}.mlp.fc2");
}

}  // namespace

constinit const Family kNanoChat{
    .model_type = "nanochat",
    .architecture = "NanoChatForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
