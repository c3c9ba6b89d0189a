// GPT: GPT-2 with its LayerNorms on the sums of stream and branch, and none at the end.
// Source: transformers 5.23, models/openai.
#include "model/families/family.h"
#include "model/families/gpt_parts.h"

namespace plumb::model {
namespace {

// Its "gelu" is the tanh form.
Activation read_own_activation(ConfigReader& config) {
  const std::string name = config.text("afn", "gelu");
  if (name == "gelu") return Activation::kGeluTanh;
  if (name == "relu") return Activation::kRelu;
  if (name == "silu" || name == "swish") return Activation::kSilu;
  config.refuse("afn", "is the unknown activation '" + name + "'",
                "supported: relu, silu, gelu, swish");
}

Spec read(ConfigReader& config) {
  Dimensions d = read_gpt_dimensions(config, {.vocab_size = 40478, .max_position_embeddings = 512});
  d.attention.qkv_bias = d.attention.o_bias = true;
  const MlpSpec mlp{.intermediate_size = checked_width(config, "n_embd", 4, d.hidden_size),
                    .activation = read_own_activation(config),
                    .gated = false,
                    .bias = true};
  Spec spec = make_decoder(d, sum_norm_layer(d.norm, d.attention, mlp));
  spec.final_norm.reset();
  spec.positions = learned_positions(d.max_position_embeddings);
  return spec;
}

NameTable names(const Spec&) {
  return gpt_names()
      .name("embed", "transformer.tokens_embed")
      .name("positions", "transformer.positions_embed")
      .name("mixer_sum_norm", "transformer.h.{i}.ln_1")
      .name("ffn_sum_norm", "transformer.h.{i}.ln_2")
      .pack_transposed("transformer.h.{i}.attn.c_attn", {"q_proj", "k_proj", "v_proj"})
      .pack_transposed("transformer.h.{i}.attn.c_proj", {"o_proj"})
      .pack_transposed("transformer.h.{i}.mlp.c_fc", {"up_proj"})
      .pack_transposed("transformer.h.{i}.mlp.c_proj", {"down_proj"})
      .or_prefix("transformer.", "");
}

}  // namespace

constinit const Family kOpenAiGpt{
    .model_type = "openai-gpt",
    .architecture = "OpenAIGPTLMHeadModel",
    .read = read,
    .names = names,
    .inert = kGptInert,
};

}  // namespace plumb::model
