// gpt-oss: attention sinks, alternating windows, yarn, and experts with biases and a clamped gate.
// Source: transformers 5.23, models/gpt_oss.
#include "model/families/family.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

constexpr const char* kAbsentRope = R"({"rope_type": "yarn", "factor": 32.0, "beta_fast": 32.0,
    "beta_slow": 1.0, "truncate": false, "original_max_position_embeddings": 4096})";

MoeSpec read_mixture(ConfigReader& config) {
  MoeSpec moe = read_experts(config, {.experts_key = "num_local_experts",
                                      .experts_alias = "num_experts",
                                      .intermediate_key = "intermediate_size",
                                      .num_experts = 128,
                                      .top_k = 4,
                                      .intermediate_size = 2880});
  moe.router.scores = RouterSpec::Scores::kSoftmaxOfChosen;
  moe.router.logit_bias = true;
  moe.router.weights_rounded = true;
  moe.activation = Activation::kClampedGlu;
  moe.bias = true;
  moe.glu_limit = config.positive("swiglu_limit", 7.0);
  moe.glu_alpha = config.positive("swiglu_alpha", 1.702);
  return moe;
}

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 201088,
                                          .hidden_size = 2880,
                                          .intermediate_size = 0,
                                          .num_hidden_layers = 36,
                                          .num_attention_heads = 64,
                                          .num_key_value_heads = 8,
                                          .head_dim = 64,
                                          .max_position_embeddings = 131072,
                                          .rms_norm_eps = 1e-5});
  d.norm.rounding = NormRounding::kAfterWeight;
  d.attention.rope = read_rope(config, {.theta = 150000.0, .absent_dict = kAbsentRope},
                               d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", true);
  d.attention.sinks = true;
  const int window = read_sliding_window(config, 128);
  const auto types = read_layer_types(config, d.num_hidden_layers, [](int layer) {
    return layer % 2 == 0 ? kSlidingAttention : kFullAttention;
  });
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, d.attention, read_mixture(config)));
  require_window(config, types, window);
  slide_layers(spec, types, window);
  return spec;
}

// The file's stacks of experts are [experts, in, out], gate and up in turn on the last axis.
NameTable names(const Spec&) {
  const std::string experts = "model.layers.{i}.mlp.experts.";
  return transformers_names()
      .name("sinks", "model.layers.{i}.self_attn.sinks")
      .name("router", "model.layers.{i}.mlp.router")
      .pack_columns(experts + "gate_up_proj",
                    {"experts.gate_proj.weight", "experts.up_proj.weight"})
      .pack_columns(experts + "gate_up_proj_bias",
                    {"experts.gate_proj.bias", "experts.up_proj.bias"})
      .pack_columns(experts + "down_proj", {"experts.down_proj.weight"})
      .pack_columns(experts + "down_proj_bias", {"experts.down_proj.bias"});
}

// The activation is the class's own, whatever hidden_act says.
constexpr InertKey kInert[] = {
    {"experts_per_token"},
    {"hidden_act"},
    {"initial_context_length"},
};

}  // namespace

constinit const Family kGptOss{
    .model_type = "gpt_oss",
    .architecture = "GptOssForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
