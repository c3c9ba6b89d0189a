// dots.llm1: Qwen3's attention, sliding from max_window_layers on, and from first_k_dense_replace
// on DeepSeek-V3's experts. Source: transformers 5.23, models/dots1.
#include "model/families/decoder.h"
#include "model/families/family.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 152064,
                                          .hidden_size = 4608,
                                          .intermediate_size = 10944,
                                          .num_hidden_layers = 62});
  d.attention.rope = read_rope(config, {}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  d.attention.qk_norm = QkNormSpec{d.norm};
  for (const char* key : {"n_routed_experts", "num_experts_per_tok", "n_shared_experts"}) {
    if (!config.has(key)) config.refuse(key, "is missing", "this model type has no default for it");
  }
  const MoeSpec moe = read_sigmoid_mixture(
      config,
      {.experts_key = "n_routed_experts", .num_experts = 1, .top_k = 1, .intermediate_size = 1408});
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, d.attention, moe));
  set_dense_layers(spec, read_dense_start(config, d.num_hidden_layers, 0),
                   {.intermediate_size = d.intermediate_size, .activation = moe.activation});
  const int window = read_sliding_window(config, 4096);
  const int64_t first = config.integer("max_window_layers", 62, 0, int64_t{1} << 30);
  const auto types = read_layer_types(config, d.num_hidden_layers, [&](int layer) {
    return window > 0 && layer >= first ? kSlidingAttention : kFullAttention;
  });
  require_window(config, types, window);
  slide_layers(spec, types, window);
  return spec;
}

NameTable names(const Spec&) {
  return expert_names("shared_experts");
}

// Published beside the class's own keys.
constexpr InertKey kInert[] = {
    {"moe_layer_freq", "1"},
    {"scoring_func", "\"noaux_tc\"|\"sigmoid\""},
    {"topk_method", "\"noaux_tc\""},
    {"use_sliding_window", "false"},
};

}  // namespace

constinit const Family kDots1{
    .model_type = "dots1",
    .architecture = "Dots1ForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
