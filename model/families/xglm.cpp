// XGLM: sinusoids for positions, from position 2 on, biases everywhere, a scaled embedding.
// Source: transformers 5.23, models/xglm.
#include <cmath>

#include "model/families/family.h"
#include "model/families/gpt_parts.h"

namespace plumb::model {
namespace {

// A row of the table of sinusoids is zero where the padding token's number stands among positions.
void check_padding(ConfigReader& config) {
  constexpr const char* kKey = "pad_token_id";
  if (config.integer(kKey, 1, -1, int64_t{1} << 24, Null::kMeansAbsent) < kPositionOffset) return;
  config.refuse(kKey, "is 2 or more", "transformers zeroes the embedding of that position");
}

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 256008,
                                          .hidden_size = 1024,
                                          .intermediate_size = 0,
                                          .num_hidden_layers = 24,
                                          .num_attention_heads = 16,
                                          .tie_word_embeddings = true,
                                          .heads_divide_hidden_size = true,
                                          .head_dim_derived = true,
                                          .eps_key = "",
                                          .layers_key = "num_layers",
                                          .hidden_key = "d_model",
                                          .heads_key = "attention_heads",
                                          .kv_heads_key = "",
                                          .usual_names = true});
  check_padding(config);
  d.norm = layer_norm(kTorchEps);
  d.attention.qkv_bias = d.attention.o_bias = true;
  const MlpSpec mlp =
      read_plain_mlp(config, read_size(config, "ffn_dim", 4096), "activation_function", "gelu");
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
  spec.positions = sinusoids(config, d.hidden_size, "d_model", -1, kPositionOffset);
  if (config.flag("scale_embedding", true)) {
    spec.embedding_multiplier = std::sqrt(static_cast<double>(d.hidden_size));
  }
  return spec;
}

NameTable names(const Spec&) {
  return fairseq_names("model.").ignore("*.embed_positions.weights",
                                        "the sinusoids of old checkpoints");
}

constexpr InertKey kInert[] = {
    {"activation_dropout"},
    {"add_cross_attention", "false"},
    {"decoder_start_token_id"},
    {"dropout"},
    {"init_std"},
    {"layerdrop"},
};

}  // namespace

constinit const Family kXglm{
    .model_type = "xglm",
    .architecture = "XGLMForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
