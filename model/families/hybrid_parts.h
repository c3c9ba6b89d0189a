// What Qwen3-Next and Qwen3.5 share: layers of gated delta net and of gated attention in turn,
// (1 + weight) norms, partial rotation.
#pragma once

#include "model/families/decoder.h"

namespace plumb::model {

// A Spec whose layers have their mixers by layer_types, else full attention in every
// full_attention_interval-th; each with the feed-forward `ffn`.
Spec read_hybrid(ConfigReader& config, Dimensions dimensions, const FeedForwardSpec& ffn);

// The activation of the feed-forwards, which is also that of the convolution: silu alone.
Activation read_hybrid_activation(ConfigReader& config);

struct DeltaNetDefaults {
  int num_key_heads = 16;
  int num_value_heads = 32;
  int key_dim = 128;
  int value_dim = 128;
  Null null = Null::kRefused;  // or meaning these
};

// eps: of the gated norm
GatedDeltaNetSpec read_delta_net(ConfigReader& config, double eps,
                                 const DeltaNetDefaults& defaults = {});

// Adds the mixers' names: queries packed with the gate by head, and a delta net whose inputs are
// split as Qwen3.5 has them.
NameTable& name_hybrid_mixers(NameTable& names, const Spec& spec);

// The delta net of `spec`, null where all layers are attention.
const GatedDeltaNetSpec* find_delta_net(const Spec& spec);

// Qwen3.5's multimodal wrapper of `text`. Its tie_word_embeddings goes before the text part's, as
// in the multimodal class.
Spec read_wrapped(ConfigReader& config, const Family& text);

// Adds what the files of Qwen3.5's text part may be called alone, and inside the wrapper, and what
// else they hold.
NameTable& name_text_part(NameTable& names);
NameTable& name_wrapped_part(NameTable& names);

// Keys of Qwen3.5's text part and of its wrapper without effect on text.
inline constexpr InertKey kQwen35TextInert[] = {
    {"attn_output_gate", "true"},
    {"mamba_ssm_dtype"},
    {"mlp_only_layers"},
    {"mtp_num_hidden_layers"},
    {"mtp_use_dedicated_embeddings"},
    {"output_gate_type", "\"swish\"|\"silu\""},
};

inline constexpr InertKey kQwen35Inert[] = {
    {"image_token_id"}, {"language_model_only"}, {"video_token_id"},
    {"vision_config"},  {"vision_end_token_id"}, {"vision_start_token_id"},
};

inline constexpr std::string_view kDeltaNetInputs = "model.layers.{i}.linear_attn.in_proj_";

}  // namespace plumb::model
