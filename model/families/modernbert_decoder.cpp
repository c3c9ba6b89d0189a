// ModernBERT's decoder: LayerNorms, one of them after the embedding and none before the first
// attention; two layers of three slide; a rope for each type of layer; a dense layer with a norm
// before the head. Source: transformers 5.23, models/modernbert_decoder.
#include "model/families/family.h"
#include "model/families/gpt_parts.h"

namespace plumb::model {
namespace {

std::vector<std::string> read_types_of_layers(ConfigReader& config, int layers) {
  const int64_t every = config.integer("global_attn_every_n_layers", 3, 1, int64_t{1} << 20);
  return read_layer_types(config, layers, [&](int layer) {
    return layer % every == 0 ? kFullAttention : kSlidingAttention;
  });
}

// The key holds twice the window.
int read_window(ConfigReader& config) {
  const bool none = config.present("local_attention") && !config.has("local_attention");
  const int64_t both =
      config.integer("local_attention", none ? 0 : 128, 0, int64_t{1} << 30, Null::kMeansAbsent);
  if (both == 1) config.refuse("local_attention", "is 1", "half of it is the window");
  return static_cast<int>(both / 2);
}

void set_ropes(ConfigReader& config, const Dimensions& d, const std::vector<std::string>& types,
               Spec& spec) {
  const double full = config.positive("global_rope_theta", 160000.0);
  const double sliding = config.positive("local_rope_theta", 10000.0);
  for (size_t i = 0; i < types.size(); ++i) {
    const RopeDefaults defaults{.theta = types[i] == kFullAttention ? full : sliding,
                                .rounding = RopeRounding::kTableOnly};
    std::get<AttentionSpec>(spec.layers[i].mixer).rope = read_layer_rope(
        config, types[i], true, defaults, d.attention.head_dim, d.max_position_embeddings);
  }
}

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 50368,
                                          .hidden_size = 768,
                                          .intermediate_size = 1152,
                                          .num_hidden_layers = 22,
                                          .num_attention_heads = 12,
                                          .max_position_embeddings = 8192,
                                          .rms_norm_eps = 1e-5,
                                          .tie_word_embeddings = true,
                                          .heads_divide_hidden_size = true,
                                          .head_dim_derived = true,
                                          .eps_key = "norm_eps",
                                          .kv_heads_key = ""});
  d.norm = layer_norm(d.norm.eps);
  d.norm.bias = config.flag("norm_bias", false);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_activation", "gelu"),
                    .bias = config.flag("mlp_bias", false)};
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
  spec.layers.front().mixer_norm.reset();
  spec.embedding_norm = d.norm;
  spec.head_transform =
      HeadTransformSpec{.activation = read_activation(config, "classifier_activation", "gelu"),
                        .bias = config.flag("classifier_bias", false),
                        .norm = d.norm};
  spec.head_bias = config.flag("decoder_bias", true);
  const std::vector<std::string> types = read_types_of_layers(config, d.num_hidden_layers);
  const int window = read_window(config);
  require_window(config, types, window);
  slide_layers(spec, types, window);
  set_ropes(config, d, types, spec);
  return spec;
}

NameTable names(const Spec&) {
  const std::string layer = "model.layers.{i}.";
  return transformers_names()
      .name("embed", "model.embeddings.tok_embeddings")
      .name("embed_norm", "model.embeddings.norm")
      .name("final_norm", "model.final_norm")
      .name("mixer_norm", layer + "attn_norm")
      .name("ffn_norm", layer + "mlp_norm")
      .name("q_proj", layer + "attn.q_proj")
      .name("k_proj", layer + "attn.k_proj")
      .name("v_proj", layer + "attn.v_proj")
      .name("o_proj", layer + "attn.Wo")
      .pack(layer + "mlp.Wi", {"gate_proj", "up_proj"})
      .name("down_proj", layer + "mlp.Wo")
      .name("head.dense", "lm_head.dense")
      .name("head.norm", "lm_head.norm")
      .name("lm_head", "decoder");
}

// The window is local_attention's half, whatever sliding_window says.
constexpr InertKey kInert[] = {
    {"classifier_dropout"},      {"classifier_pooling"},        {"deterministic_flash_attn"},
    {"embedding_dropout"},       {"initializer_cutoff_factor"}, {"mlp_dropout"},
    {"position_embedding_type"}, {"reference_compile"},         {"repad_logits_with_grad"},
    {"sliding_window"},          {"sparse_pred_ignore_index"},  {"sparse_prediction"},
};

}  // namespace

constinit const Family kModernBertDecoder{
    .model_type = "modernbert-decoder",
    .architecture = "ModernBertDecoderForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
