// rlformers: ExecuTorch's Llama transformer with the eight features of pytorch/executorch#19096,
// from a meta checkpoint, whose params.json holds the fields of ModelArgs.
//
// Source: ExecuTorch 1.5.1, examples/models/llama. Two features are declared there and not applied:
// normalize_tok_embeddings and output_soft_cap_temp, whose maths stands in
// examples/models/muse_glimmer/model/model.py. As there, a key whose partner is off has no effect:
// scale_query_by and qk_norm_* without use_qk_norm, use_scaled_rope with use_hf_rope,
// partial_rotary_factor without it.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

// Two thirds of 4 dim, times a multiplier, rounded up.
int read_hidden_dim(ConfigReader& config, int dim) {
  const double multiplier = config.positive("ffn_dim_multiplier", 1.0, Null::kMeansAbsent);
  const int64_t multiple = config.integer("multiple_of", 256, 1, kWidthLimit);
  const int64_t two_thirds = int64_t{8} * dim / 3;
  const auto whole = static_cast<int64_t>(multiplier * static_cast<double>(two_thirds));
  const int64_t derived = (whole + multiple - 1) / multiple * multiple;
  const int64_t hidden = config.integer("hidden_dim", derived, 1, kWidthLimit, Null::kMeansAbsent);
  if (hidden < 1 || hidden > kWidthLimit) {
    config.refuse("ffn_dim_multiplier",
                  "makes the feed-forward " + std::to_string(hidden) + " wide",
                  "it must lie in 1.." + std::to_string(kWidthLimit));
  }
  return static_cast<int>(hidden);
}

RopeSpec read_meta_rope(ConfigReader& config, int head_dim) {
  RopeSpec rope;
  const bool halves = config.flag("use_hf_rope", false);
  rope.pairs = halves ? RopePairs::kHalves : RopePairs::kInterleaved;
  rope.rounding = halves ? RopeRounding::kEveryStep : RopeRounding::kTableOnly;
  rope.theta =
      config.positive("rope_theta", config.positive("rope_freq_base", 1e4), Null::kMeansAbsent);
  const double partial = config.positive("partial_rotary_factor", 1.0);
  rope.rotary_dim = halves ? static_cast<int>(head_dim * partial) : head_dim;
  if (rope.rotary_dim < 2 || rope.rotary_dim > head_dim || rope.rotary_dim % 2 != 0) {
    config.refuse(halves ? "partial_rotary_factor" : "head_dim",
                  "gives " + std::to_string(rope.rotary_dim) + " rotated dimensions of a head of " +
                      std::to_string(head_dim),
                  "they must be even, at least 2 and at most the head");
  }
  const RopeScaling scaling{.kind = RopeScaling::Kind::kLlama3,
                            .factor = config.positive("rope_scale_factor", 8.0),
                            .high_freq_factor = config.positive("high_freq_factor", 4.0),
                            .original_max_position_embeddings = 8192};
  if (scaling.high_freq_factor == scaling.low_freq_factor) {
    config.refuse("high_freq_factor", "is 1", "the ramp from 1 up needs a width");
  }
  if (config.flag("use_scaled_rope", false) && !halves) rope.scaling = scaling;
  return rope;
}

std::optional<QkNormSpec> read_qk_norm(ConfigReader& config, const NormSpec& norm) {
  QkNormSpec qk{.norm = norm};
  qk.norm.weight = config.flag("qk_norm_affine", true);
  qk.after_rope = !config.flag("qk_norm_before_rope", false);
  qk.query_multiplier = config.positive("scale_query_by", 1.0);
  return config.flag("use_qk_norm", false) ? std::optional(qk) : std::nullopt;
}

// Gated residuals bring a norm of their own on what attention returns, and none on the other.
void read_branches(ConfigReader& config, const NormSpec& norm, const NormSpec& weightless,
                   LayerSpec& layer) {
  if (config.flag("use_residual_gate", false)) {
    layer.residual_gate = true;
    layer.mixer_post_norm = weightless;
  }
  if (config.flag("use_ffn_learnable_scales", false)) {
    layer.ffn_post_norm = norm;
    layer.ffn_post_norm->input_scaled = true;
  }
}

Spec read(ConfigReader& config) {
  if (config.present("tie_word_embeddings")) {
    config.refuse("tie_word_embeddings", "is a key that params.json does not have");
  }
  ClassDefaults defaults{.vocab_size = 512, .intermediate_size = 0, .num_hidden_layers = 1};
  defaults.rms_norm_eps = 1e-5;
  defaults.eps_key = "norm_eps";
  defaults.layers_key = "n_layers";
  defaults.hidden_key = "dim";
  defaults.heads_key = "n_heads";
  defaults.kv_heads_key = "n_kv_heads";
  Dimensions d = read_dimensions(config, defaults);
  if (!config.has("max_position_embeddings")) d.max_position_embeddings = 0;
  NormSpec weightless = d.norm;
  weightless.weight = false;
  d.attention.rope = read_meta_rope(config, d.attention.head_dim);
  d.attention.qkv_bias = config.flag("attention_qkv_bias", false);
  d.attention.qk_norm = read_qk_norm(config, d.norm);
  if (config.flag("use_attn_o_norm", false)) d.attention.output_norm = weightless;
  d.attention.output_gate = config.flag("use_attn_o_gate", false);
  const MlpSpec mlp{.intermediate_size = read_hidden_dim(config, d.hidden_size)};
  LayerSpec layer = pre_norm_layer(d.norm, d.attention, mlp);
  read_branches(config, d.norm, weightless, layer);
  Spec spec = make_decoder(d, layer);
  if (config.flag("normalize_tok_embeddings", false)) spec.embedding_norm = weightless;
  spec.final_soft_cap = config.positive("output_soft_cap_temp", 0.0, Null::kMeansAbsent);
  return spec;
}

NameTable names(const Spec&) {
  NameTable names;
  names.name("embed", "tok_embeddings")
      .name("final_norm", "norm")
      .name("lm_head", "output")
      .name("mixer_norm", "layers.{i}.attention_norm")
      .name("q_proj", "layers.{i}.attention.wq")
      .name("k_proj", "layers.{i}.attention.wk")
      .name("v_proj", "layers.{i}.attention.wv")
      .name("o_proj", "layers.{i}.attention.wo")
      .name("q_norm", "layers.{i}.attention.q_norm_fn")
      .name("k_norm", "layers.{i}.attention.k_norm_fn")
      .name("attn_gate_proj", "layers.{i}.attention.og")
      .name("mixer_residual_gate", "layers.{i}.add_attn.gate")
      .name("ffn_norm", "layers.{i}.ffn_norm")
      .name("gate_proj", "layers.{i}.feed_forward.w1")
      .name("up_proj", "layers.{i}.feed_forward.w3")
      .name("down_proj", "layers.{i}.feed_forward.w2")
      .name("ffn_post_norm", "layers.{i}.post_ffn_norm")
      .name("ffn_residual_gate", "layers.{i}.add_ffn.gate")
      .ignore("rope.freqs", "a buffer of old checkpoints, recomputed from the config");
  return names;
}

// ModelArgs that the transformer does not read, that say how it is run, or that change it in ways
// not supported here.
constexpr InertKey kInert[] = {
    {"act_fn", "\"silu\""},
    {"apply_embedding", "true"},
    {"apply_output", "true"},
    {"attention_kwargs", "{}"},
    {"attention_multiplier", "null"},
    {"attention_type", "\"mha\""},
    {"attn_logit_softcapping", "null"},
    {"bos_count"},
    {"bos_idx"},
    {"device"},
    {"enable_dynamic_shape"},
    {"embedding_scale_factor", "1|1.0"},
    {"eos_count"},
    {"eos_idx"},
    {"generate_full_logits"},
    {"final_logit_softcapping", "null"},
    {"input_prune_map", "null"},
    {"kv_io_bit_width"},
    {"layer_types", "null"},
    {"local_rope_theta", "null"},
    {"logits_scaling", "null"},
    {"lora_args", "null"},
    {"max_batch_size"},
    {"max_context_len"},
    {"max_seq_len"},
    {"mlp_type", "null"},
    {"model_architecture"},
    {"moe", "false"},
    {"no_rope_layer_interval", "null"},
    {"norm_type", "\"rmsnorm\""},
    {"num_kv_shared_layers", "0"},
    {"original_max_position_embeddings", "null"},
    {"output_bias", "false"},
    {"output_linear_intermediate_dim", "0"},
    {"output_prune_map", "null"},
    {"post_attention_norm", "false"},
    {"post_ffn_norm", "false"},
    {"quantization_args", "null"},
    {"residual_multiplier", "null"},
    {"rms_norm_add_unit_offset", "false"},
    {"rope_scaling_attention_factor", "null"},
    {"rope_scaling_long_factor", "null"},
    {"rope_scaling_short_factor", "null"},
    {"sliding_window", "null"},
    {"target_modules", "null"},
    {"use_ffn_norm", "true"},
    {"use_kv_cache"},
    {"use_q_gate", "false"},
    {"use_sdpa_with_kv_cache_op"},
};

}  // namespace

constinit const Family kRlformers{
    .model_type = "rlformers",
    .architecture = {},
    .read = read,
    .names = names,
    .inert = kInert,
    .config_file = kParamsJson,
    .foreign = Foreign::kNeutral,
};

}  // namespace plumb::model
