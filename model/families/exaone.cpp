// EXAONE 3.x: Llama under GPT-2's names. Source: EXAONE-3.5, modeling_exaone.py and
// configuration_exaone.py; vLLM 0.10, model_executor/models/exaone.py.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  ClassDefaults defaults{.vocab_size = 102400,
                         .hidden_size = 2048,
                         .tie_word_embeddings = true,
                         .heads_divide_hidden_size = true,
                         .eps_key = "layer_norm_epsilon",
                         .layers_key = "num_layers"};
  defaults.rms_norm_eps = 1e-5;
  defaults.intermediate_size =
      4 * static_cast<int>(config.integer("hidden_size", defaults.hidden_size, 1, kWidthLimit));
  Dimensions d = read_dimensions(config, defaults);
  d.attention.rope = read_rope(config, {}, d.attention.head_dim, d.max_position_embeddings);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "activation_function", "silu")};
  return make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
}

NameTable names(const Spec&) {
  return transformers_names()
      .name("embed", "transformer.wte")
      .name("final_norm", "transformer.ln_f")
      .name("mixer_norm", "transformer.h.{i}.ln_1")
      .name("q_proj", "transformer.h.{i}.attn.attention.q_proj")
      .name("k_proj", "transformer.h.{i}.attn.attention.k_proj")
      .name("v_proj", "transformer.h.{i}.attn.attention.v_proj")
      .name("o_proj", "transformer.h.{i}.attn.attention.out_proj")
      .name("ffn_norm", "transformer.h.{i}.ln_2")
      .name("gate_proj", "transformer.h.{i}.mlp.c_fc_0")
      .name("up_proj", "transformer.h.{i}.mlp.c_fc_1")
      .name("down_proj", "transformer.h.{i}.mlp.c_proj");
}

constexpr InertKey kInert[] = {
    {"embed_dropout"},
    {"resid_dropout"},
};

}  // namespace

constinit const Family kExaone{
    .model_type = "exaone",
    .architecture = "ExaoneForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
    .foreign = Foreign::kNeutral,
};

}  // namespace plumb::model
