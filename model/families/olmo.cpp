// OLMo: Llama with LayerNorms that have no weight, and clipped q, k, v.
// Source: transformers 5.23, models/olmo.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  constexpr double kEps = 1e-5;
  Dimensions d = read_dimensions(
      config, {.vocab_size = 50304, .heads_divide_hidden_size = true, .eps_key = ""});
  d.norm = {.kind = NormSpec::Kind::kLayer,
            .eps = kEps,
            .weight = false,
            .rounding = NormRounding::kAfterWeight};
  d.attention.rope = read_rope(config, {.rounding = RopeRounding::kOutput}, d.attention.head_dim,
                               d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  d.attention.qkv_clip = config.positive("clip_qkv", 0.0, Null::kMeansAbsent);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu")};
  return make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
}

NameTable names(const Spec&) {
  return transformers_names();
}

}  // namespace

constinit const Family kOlmo{
    .model_type = "olmo",
    .architecture = "OlmoForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
