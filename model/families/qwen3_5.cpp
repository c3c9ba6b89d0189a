// Qwen3.5: Qwen3-Next's mixers with a dense feed-forward; alone, and as the text part of the
// multimodal model. Source: transformers 5.23, models/qwen3_5.
#include "model/families/family.h"
#include "model/families/hybrid_parts.h"

namespace plumb::model {
namespace {

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
  NameTable table = names(spec);
  return name_text_part(table);
}

Spec read_wrapper(ConfigReader& config) {
  return read_wrapped(config, kQwen35Text);
}

NameTable wrapper_names(const Spec& spec) {
  NameTable table = names(spec);
  return name_wrapped_part(table);
}

}  // namespace

constinit const Family kQwen35Text{
    .model_type = "qwen3_5_text",
    .architecture = "Qwen3_5ForCausalLM",
    .read = read_text,
    .names = text_names,
    .inert = kQwen35TextInert,
};

constinit const Family kQwen35{
    .model_type = "qwen3_5",
    .architecture = "Qwen3_5ForConditionalGeneration",
    .read = read_wrapper,
    .names = wrapper_names,
    .inert = kQwen35Inert,
};

}  // namespace plumb::model
