// OLMo 2: norms after the branches instead of before them, and a QK norm over all heads at once.
// Source: transformers 5.23, models/olmo2.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 50304, .rms_norm_eps = 1e-5});
  d.norm.rounding = NormRounding::kAfterWeight;
  d.attention.qk_norm = QkNormSpec{.norm = d.norm, .flat = true};
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  d.attention.rope = read_rope(config, {.rounding = RopeRounding::kOutput}, d.attention.head_dim,
                               d.max_position_embeddings);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu")};
  return make_decoder(d, post_norm_layer(d.norm, d.attention, mlp));
}

NameTable names(const Spec&) {
  return post_norm_names();
}

}  // namespace

constinit const Family kOlmo2{
    .model_type = "olmo2",
    .architecture = "Olmo2ForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
