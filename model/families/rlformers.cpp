// rlformers: ExecuTorch's decoders, from a meta checkpoint, whose params.json holds the fields of
// ModelArgs; its Llama transformer has the eight features of pytorch/executorch#19096.
//
// Source: ExecuTorch 1.5.1, examples/models/llama, and for what the static decoder alone has
// examples/qualcomm/oss_scripts/llama (meta_parts.h). Two features are declared there and not
// applied: normalize_tok_embeddings and output_soft_cap_temp, whose maths stands in
// examples/models/muse_glimmer/model/model.py. As there, a key whose partner is off has no effect:
// scale_query_by and qk_norm_* without use_qk_norm, use_scaled_rope with use_hf_rope,
// partial_rotary_factor without it. Scores are capped after they are scaled, as Gemma 2's authors
// have it, and not before.
#include "model/families/family.h"
#include "model/families/meta_parts.h"

namespace plumb::model {
namespace {

void refuse_both(const ConfigReader& config, bool both, std::string_view key,
                 const std::string& other) {
  if (both) config.refuse(key, "stands beside " + other, "no decoder of ExecuTorch has both");
}

// Gated residuals bring a norm of their own on what attention returns, and none on the other.
void read_branches(ConfigReader& config, const MetaFeatures& features, const NormSpec& norm,
                   LayerSpec& layer) {
  NormSpec rms{.eps = norm.eps};
  rms.unit_offset = norm.kind == NormSpec::Kind::kRms && norm.unit_offset;
  rms.rounding = norm.rounding;
  if (features.post_attention_norm) layer.mixer_post_norm = rms;
  if (features.post_ffn_norm) layer.ffn_post_norm = rms;
  layer.residual_multiplier = features.residual_multiplier;
  if (!features.ffn_norm) {
    layer.parallel = true;
    layer.ffn_norm.reset();
  }
  const bool gated = config.flag("use_residual_gate", false);
  const bool scaled = config.flag("use_ffn_learnable_scales", false);
  refuse_both(config, (gated || scaled) && features.any,
              gated ? "use_residual_gate" : "use_ffn_learnable_scales",
              "a feature of the static decoder");
  if (gated) {
    layer.residual_gate = true;
    layer.mixer_post_norm = NormSpec{.eps = norm.eps, .weight = false};
  }
  if (scaled) {
    layer.ffn_post_norm = NormSpec{.eps = norm.eps};
    layer.ffn_post_norm->input_scaled = true;
  }
}

void read_output(ConfigReader& config, double eps, AttentionSpec& attention) {
  if (config.flag("use_attn_o_norm", false)) {
    attention.output_norm = NormSpec{.eps = eps, .weight = false};
  }
  const bool gated = config.flag("use_attn_o_gate", false);
  if (gated) attention.output_gate.emplace();
  if (!config.flag("use_q_gate", false)) return;
  refuse_both(config, gated, "use_q_gate", "use_attn_o_gate");
  attention.output_gate = OutputGateSpec{.bias = attention.qkv_bias};
}

// Gives each layer the mixer that its type says.
void place_mixers(ConfigReader& config, const MetaFeatures& features, const Dimensions& d,
                  Spec& spec) {
  const MetaRopes ropes = read_meta_ropes(config, features, d.attention.head_dim);
  const GatedDeltaNetSpec net = read_meta_delta_net(config, d.attention, d.norm.eps);
  const auto types = read_meta_layer_types(config, d.num_hidden_layers);
  const int window = read_sliding_window(config, 0);
  require_window(config, types, window);
  for (const char* key : {"sliding_window", "local_rope_theta"}) {
    if (config.has(key) && !config.has("layer_types")) {
      config.refuse(key, "stands without layer_types", "name the layers that slide");
    }
  }
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    LayerSpec& layer = spec.layers[i];
    if (types[i] == kLinearAttention) {
      layer.mixer = net;
      continue;
    }
    auto& attention = std::get<AttentionSpec>(layer.mixer);
    const bool slides = types[i] == kSlidingAttention;
    attention.rope = slides ? ropes.sliding : ropes.full;
    attention.sliding_window = slides ? window : 0;
    const auto interval = static_cast<size_t>(features.no_rope_layer_interval);
    if (interval > 0 && (i + 1) % interval == 0) attention.rope.reset();
  }
}

Dimensions read_meta_dimensions(ConfigReader& config) {
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
  defaults.head_dim_null = true;
  defaults.max_position_null = true;
  return read_dimensions(config, defaults);
}

Spec read(ConfigReader& config) {
  Dimensions d = read_meta_dimensions(config);
  if (!config.has("max_position_embeddings")) d.max_position_embeddings = 0;
  const MetaFeatures features = read_meta_features(config);
  d.norm = read_meta_norm(config, d.norm.eps);
  d.attention.qkv_bias = config.flag("attention_qkv_bias", false);
  d.attention.qk_norm = read_meta_qk_norm(config, d.norm);
  d.attention.soft_cap = features.attention_soft_cap;
  if (features.attention_multiplier > 0.0) d.attention.scale = features.attention_multiplier;
  read_output(config, d.norm.eps, d.attention);
  const MlpSpec mlp{.intermediate_size = read_meta_hidden_dim(config, d.hidden_size),
                    .activation = features.activation};
  LayerSpec layer = pre_norm_layer(d.norm, d.attention, mlp);
  read_branches(config, features, d.norm, layer);
  Spec spec = make_decoder(d, layer);
  place_mixers(config, features, d, spec);
  spec.embedding_multiplier = features.embedding_multiplier;
  spec.logit_multiplier = features.logit_multiplier;
  if (config.flag("normalize_tok_embeddings", false)) {
    spec.embedding_norm = NormSpec{.eps = d.norm.eps, .weight = false};
  }
  spec.final_soft_cap =
      config.positive("output_soft_cap_temp", features.final_soft_cap, Null::kMeansAbsent);
  refuse_both(config, features.final_soft_cap > 0.0 && config.has("output_soft_cap_temp"),
              "output_soft_cap_temp", "final_logit_softcapping");
  return spec;
}

NameTable& name_attention(NameTable& names) {
  const std::string attention = "layers.{i}.attention.";
  return names.name("q_proj", attention + "wq")
      .name("k_proj", attention + "wk")
      .name("v_proj", attention + "wv")
      .name("o_proj", attention + "wo")
      .name("q_norm", attention + "q_norm_fn")
      .name("k_norm", attention + "k_norm_fn")
      .name("attn_gate_proj", attention + "og");
}

NameTable& name_delta_net(NameTable& names) {
  const std::string net = "layers.{i}.attention.";
  return names.pack(net + "in_proj_qkv", {"gdn.q_proj", "gdn.k_proj", "gdn.v_proj"})
      .name("gdn.z_proj", net + "in_proj_z")
      .name("gdn.b_proj", net + "in_proj_b")
      .name("gdn.a_proj", net + "in_proj_a")
      .name("gdn.conv", net + "conv1d", {0, -1, 1})
      .name("gdn.A_log", net + "A_log")
      .name("gdn.dt_bias", net + "dt_bias")
      .name("gdn.norm", net + "norm")
      .name("gdn.o_proj", net + "out_proj")
      .ignore("*.conv_state", "a state, zero at the start")
      .ignore("*.recurrent_state", "a state, zero at the start");
}

NameTable names(const Spec&) {
  NameTable names;
  names.name("embed", "tok_embeddings")
      .name("final_norm", "norm")
      .name("lm_head", "output")
      .name("mixer_norm", "layers.{i}.attention_norm")
      .name("mixer_post_norm", "layers.{i}.post_attention_norm")
      .name("mixer_residual_gate", "layers.{i}.add_attn.gate")
      .name("ffn_norm", "layers.{i}.ffn_norm")
      .name("gate_proj", "layers.{i}.feed_forward.w1")
      .name("up_proj", "layers.{i}.feed_forward.w3")
      .name("down_proj", "layers.{i}.feed_forward.w2")
      .name("ffn_post_norm", "layers.{i}.post_ffn_norm")
      .name("ffn_residual_gate", "layers.{i}.add_ffn.gate")
      .ignore("rope.freqs", "a buffer of old checkpoints, recomputed from the config");
  name_attention(names);
  name_delta_net(names);
  return names;
}

// With use_q_gate wq holds each head's query and gate; GLM's gate and up are one tensor.
void rename(const base::Json& config, const Spec& spec, NameTable& names) {
  for (const LayerSpec& layer : spec.layers) {
    const auto* attention = std::get_if<AttentionSpec>(&layer.mixer);
    if (attention == nullptr || !config.value("use_q_gate", false)) continue;
    names.pack("layers.{i}.attention.wq", {"q_proj", "attn_gate_proj"},
               attention->num_attention_heads);
    break;
  }
  if (config.value("model_architecture", base::Json()) == kGlmArchitecture) {
    names.pack("layers.{i}.feed_forward.gate_up_proj", {"gate_proj", "up_proj"})
        .name("down_proj", "layers.{i}.feed_forward.down_proj");
  }
}

// ModelArgs that the transformers do not read, that say how they are run, or that change them in
// ways not supported here.
constexpr InertKey kInert[] = {
    {"apply_embedding", "true"},
    {"apply_output", "true"},
    {"attention_kwargs", "{}"},
    {"attention_type", "\"mha\"|\"static\"|\"static_mha\""},
    {"bos_count"},
    {"bos_idx"},
    {"device"},
    {"enable_dynamic_shape"},
    {"eos_count"},
    {"eos_idx"},
    {"generate_full_logits"},
    {"input_prune_map", "null"},
    {"kv_io_bit_width"},
    {"lora_args", "null"},
    {"max_batch_size"},
    {"max_context_len"},
    {"max_seq_len"},
    {"mlp_type", "null"},
    {"moe", "false"},
    {"moe_hidden_dim"},
    {"moe_route_scale"},
    {"moe_score_func"},
    {"moe_shared_expert_hidden_dim"},
    {"moe_use_expert_bias"},
    {"num_activated_experts"},
    {"num_experts"},
    {"num_kv_shared_layers", "0"},
    {"output_bias", "false"},
    {"output_linear_intermediate_dim", "0"},
    {"output_prune_map", "null"},
    {"quantization_args", "null"},
    {"target_modules", "null"},
    {"use_kv_cache"},
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
    .rename = rename,
};

}  // namespace plumb::model
