// Qwen3.5: Qwen3-Next's mixers with a dense feed-forward; alone, and as the text part of the
// multimodal model. Source: transformers 5.23, models/qwen3_5.
#include "model/families/family.h"
#include "model/families/hybrid_parts.h"

namespace plumb::model {
namespace {

constexpr std::string_view kText = "model.";
constexpr std::string_view kWrapped = "model.language_model.";

Spec read_text(ConfigReader& config) {
  const Dimensions d = read_dimensions(config, {.vocab_size = 248320,
                                                .hidden_size = 4096,
                                                .intermediate_size = 12288,
                                                .num_attention_heads = 16,
                                                .num_key_value_heads = 4,
                                                .head_dim = 256,
                                                .max_position_embeddings = 32768});
  return read_hybrid(config, d,
                     MlpSpec{.intermediate_size = d.intermediate_size,
                             .activation = read_hybrid_activation(config)});
}

// Older files pack the delta net's inputs: all q, k, v, then z; all b, then a.
NameTable names(const Spec& spec) {
  NameTable names = transformers_names();
  name_hybrid_mixers(names, spec);
  const std::string inputs(kDeltaNetInputs);
  return names.or_pack(inputs + "qkvz", {"gdn.q_proj", "gdn.k_proj", "gdn.v_proj", "gdn.z_proj"})
      .or_pack(inputs + "ba", {"gdn.b_proj", "gdn.a_proj"});
}

NameTable text_names(const Spec& spec) {
  return names(spec)
      .or_prefix(kText, kWrapped)
      .ignore("mtp.*", "predicts further tokens")
      .ignore("model.visual.*", "sees images");
}

// The wrapper's tie_word_embeddings goes before the text part's, as in the multimodal class.
Spec read_wrapper(ConfigReader& config) {
  Spec spec = read_text_config(config, kQwen35Text);
  spec.tie_word_embeddings = config.flag("tie_word_embeddings", spec.tie_word_embeddings);
  return spec;
}

NameTable wrapper_names(const Spec& spec) {
  return names(spec)
      .replace_prefix(kText, kWrapped)
      .or_prefix(kWrapped, kText)
      .ignore("mtp.*", "predicts further tokens")
      .ignore("model.visual.*", "sees images");
}

constexpr InertKey kTextInert[] = {
    {"attn_output_gate", "true"},
    {"mamba_ssm_dtype"},
    {"mlp_only_layers"},
    {"mtp_num_hidden_layers"},
    {"mtp_use_dedicated_embeddings"},
    {"output_gate_type", "\"swish\"|\"silu\""},
};

constexpr InertKey kWrapperInert[] = {
    {"image_token_id"}, {"language_model_only"}, {"video_token_id"},
    {"vision_config"},  {"vision_end_token_id"}, {"vision_start_token_id"},
};

}  // namespace

constinit const Family kQwen35Text{
    .model_type = "qwen3_5_text",
    .architecture = "Qwen3_5ForCausalLM",
    .read = read_text,
    .names = text_names,
    .inert = kTextInert,
};

constinit const Family kQwen35{
    .model_type = "qwen3_5",
    .architecture = "Qwen3_5ForConditionalGeneration",
    .read = read_wrapper,
    .names = wrapper_names,
    .inert = kWrapperInert,
};

}  // namespace plumb::model
