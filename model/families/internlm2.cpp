// InternLM2: Llama with q, k, v in one tensor by key head, and names of its own.
// Source: InternLM2.5, modeling_internlm2.py; vLLM 0.10, model_executor/models/internlm2.py.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(
      config, {.vocab_size = 103168, .heads_divide_hidden_size = true, .head_dim_derived = true});
  d.attention.rope = read_rope(config, {}, d.attention.head_dim, d.max_position_embeddings);
  using Kind = RopeScaling::Kind;
  const Kind kind = d.attention.rope->scaling.kind;
  if (kind != Kind::kDefault && kind != Kind::kLinear && kind != Kind::kDynamic) {
    config.refuse("rope_scaling", "is of the type '" + std::string(to_text(kind)) + "'",
                  "this model type has linear and dynamic");
  }
  d.attention.qkv_bias = d.attention.o_bias = config.flag("bias", true);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu")};
  return make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
}

// A group of wqkv's rows is one key head's: its queries, its key, its value.
NameTable names(const Spec& spec) {
  const auto& attention = std::get<AttentionSpec>(spec.layers.front().mixer);
  NameTable names;
  names.name("embed", "model.tok_embeddings")
      .name("final_norm", "model.norm")
      .name("lm_head", "output")
      .name("mixer_norm", "model.layers.{i}.attention_norm")
      .pack("model.layers.{i}.attention.wqkv", {"q_proj", "k_proj", "v_proj"},
            attention.num_key_value_heads)
      .name("o_proj", "model.layers.{i}.attention.wo")
      .name("ffn_norm", "model.layers.{i}.ffn_norm")
      .name("gate_proj", "model.layers.{i}.feed_forward.w1")
      .name("up_proj", "model.layers.{i}.feed_forward.w3")
      .name("down_proj", "model.layers.{i}.feed_forward.w2")
      .ignore("*.rotary_emb.inv_freq", "a buffer of old checkpoints, recomputed from the config");
  return names;
}

}  // namespace

constinit const Family kInternLm2{
    .model_type = "internlm2",
    .architecture = "InternLM2ForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
    .foreign = Foreign::kNeutral,
};

}  // namespace plumb::model
