// Command R7B: both branches of a layer read one LayerNorm without bias; three layers of four slide
// and have a rope, the full ones have none. Source: transformers 5.23, models/cohere2.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 256000,
                                          .hidden_size = 8192,
                                          .intermediate_size = 22528,
                                          .num_hidden_layers = 40,
                                          .num_attention_heads = 64,
                                          .max_position_embeddings = 8192,
                                          .rms_norm_eps = 1e-5,
                                          .tie_word_embeddings = true,
                                          .head_dim_derived = true,
                                          .eps_key = "layer_norm_eps"});
  d.norm.kind = NormSpec::Kind::kLayer;
  d.norm.rounding = NormRounding::kAfterWeight;
  d.attention.rope =
      read_rope(config, {.pairs = RopePairs::kInterleaved, .rounding = RopeRounding::kTableOnly},
                d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu")};
  LayerSpec layer = pre_norm_layer(d.norm, d.attention, mlp);
  layer.ffn_norm.reset();
  layer.parallel = true;
  Spec spec = make_decoder(d, layer);
  spec.logit_multiplier = config.positive("logit_scale", 0.0625);
  const int window = read_sliding_window(config, 4096);
  const auto types = read_sliding_pattern(config, d.num_hidden_layers, "sliding_window_pattern", 4);
  require_window(config, types, window);
  slide_layers(spec, types, window);
  unrope_full_layers(spec, types);
  return spec;
}

NameTable names(const Spec&) {
  return transformers_names();
}

constexpr InertKey kInert[] = {
    {"_sliding_window_pattern"},
    {"order_of_interleaved_layers"},
    {"position_embedding_type", "\"rope_gptj\"|null"},
    {"rotary_pct", "1|1.0"},
    {"use_embedding_sharing", "true"},
    {"use_gated_activation", "true"},
    {"use_parallel_block", "true"},
    {"use_parallel_embedding", "true"},
    {"use_qk_norm", "false"},
};

}  // namespace

constinit const Family kCohere2{
    .model_type = "cohere2",
    .architecture = "Cohere2ForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
