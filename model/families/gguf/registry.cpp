#include <cmath>

#include "base/errors.h"
#include "model/families/gguf/architecture.h"
#include "model/families/gguf/parts.h"
#include "model/gguf/gguf_model.h"
#include "model/model.h"

namespace plumb::model {
namespace {

constexpr const GgufArchitecture* kArchitectures[] = {
    &kGgufLlama,   &kGgufMistral3,  &kGgufQwen2,        &kGgufQwen3,     &kGgufGemma,
    &kGgufGemma2,  &kGgufGemma3,    &kGgufOlmo2,        &kGgufPhi3,      &kGgufSmolLm3,
    &kGgufGranite, &kGgufStableLm,  &kGgufStarcoder2,   &kGgufNemotron,  &kGgufErnie45,
    &kGgufGlm4,    &kGgufCohere2,   &kGgufExaone,       &kGgufExaone4,   &kGgufApertus,
    &kGgufSeedOss, &kGgufInternLm2, &kGgufHunyuanDense, &kGgufQwen2Moe,  &kGgufQwen3Moe,
    &kGgufOlmoe,   &kGgufGptOss,    &kGgufGlm4Moe,      &kGgufDeepseek2, &kGgufQwen3Next,
    &kGgufQwen35,
};

const GgufArchitecture& find_architecture(const GgufKeys& keys) {
  std::string known;
  for (const GgufArchitecture* architecture : kArchitectures) {
    if (architecture->name == keys.architecture()) return *architecture;
    known += (known.empty() ? "" : ", ") + std::string(architecture->name);
  }
  throw base::InputError(keys.where(), "general.architecture",
                         "'" + keys.architecture() + "' is not supported", "known: " + known);
}

// The names that all architectures share.
NameTable gguf_names(bool ffn_norm_renamed) {
  const std::string b = "blk.{i}.";
  NameTable names;
  names.name("embed", "token_embd")
      .name("final_norm", "output_norm")
      .name("lm_head", "output")
      .name("mixer_norm", b + "attn_norm")
      .name("mixer_post_norm", b + "post_attention_norm")
      .name("ffn_norm", b + (ffn_norm_renamed ? "post_attention_norm" : "ffn_norm"))
      .name("ffn_post_norm", b + "post_ffw_norm")
      .name("sinks", b + "attn_sinks.weight")
      .name("router", b + "ffn_gate_inp")
      .name("router_correction", b + "exp_probs_b.bias")
      .name("shared.router", b + "ffn_gate_inp_shexp");
  for (const std::string name : {"q", "k", "v"}) names.name(name + "_proj", b + "attn_" + name);
  names.name("o_proj", b + "attn_output")
      .name("q_norm", b + "attn_q_norm")
      .name("k_norm", b + "attn_k_norm")
      .name("q_a_proj", b + "attn_q_a")
      .name("q_a_norm", b + "attn_q_a_norm")
      .name("q_b_proj", b + "attn_q_b")
      .name("kv_a_norm", b + "attn_kv_a_norm")
      .name("k_b_proj", b + "attn_k_b")
      .name("v_b_proj", b + "attn_v_b");
  for (const std::string part : {"gate", "up", "down"}) {
    names.name(part + "_proj", b + "ffn_" + part)
        .name("experts." + part + "_proj", b + "ffn_" + part + "_exps")
        .name("shared." + part + "_proj", b + "ffn_" + part + "_shexp");
  }
  return names.or_pack(b + "attn_kv_a_mqa", {"kv_a_proj", "k_rope_proj"})
      .or_pack(b + "ffn_gate_up_exps", {"experts.gate_proj", "experts.up_proj"})
      .ignore("rope_freqs.weight", "read with the config: it divides the rope's frequencies")
      .ignore("rope_factors_*.weight", "read with the config: they divide the rope's frequencies");
}

// Files hold norms with the 1 of their family already in them.
void take_out_offset(NormSpec& norm) {
  norm.unit_offset = false;
}

void adjust_attention(const GgufKeys& keys, const std::string& block, RopePairs pairs,
                      AttentionSpec& attention) {
  if (attention.rope) attention.rope->pairs = pairs;
  if (attention.qk_norm) take_out_offset(attention.qk_norm->norm);
  attention.qkv_bias =
      keys.has_tensor(block + "attn_q.bias") || keys.has_tensor(block + "attn_qkv.bias");
  attention.o_bias = keys.has_tensor(block + "attn_output.bias");
  if (attention.output_gate) attention.output_gate->bias = attention.qkv_bias;
}

void adjust_mixer(const GgufKeys& keys, const std::string& block, RopePairs pairs,
                  MixerSpec& mixer) {
  if (auto* attention = std::get_if<AttentionSpec>(&mixer)) {
    adjust_attention(keys, block, pairs, *attention);
  } else if (auto* latent = std::get_if<LatentAttentionSpec>(&mixer)) {
    latent->rope.pairs = pairs;
    latent->bias = keys.has_tensor(block + "attn_output.bias");
  }
}

// What the tensors tell, and how ggml rotates.
void adjust(const GgufKeys& keys, GgufRope rope, Spec& spec) {
  const RopePairs pairs = rope == GgufRope::kPairs ? RopePairs::kInterleaved : RopePairs::kHalves;
  if (spec.final_norm) take_out_offset(*spec.final_norm);
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    LayerSpec& layer = spec.layers[i];
    const std::string block = "blk." + std::to_string(i) + ".";
    for (auto* norm :
         {&layer.mixer_norm, &layer.mixer_post_norm, &layer.ffn_norm, &layer.ffn_post_norm}) {
      if (*norm) take_out_offset(**norm);
    }
    adjust_mixer(keys, block, pairs, layer.mixer);
    if (auto* mlp = std::get_if<MlpSpec>(&layer.ffn)) {
      mlp->bias = keys.has_tensor(block + "ffn_down.bias");
    } else if (auto* moe = std::get_if<MoeSpec>(&layer.ffn)) {
      moe->router.logit_bias = keys.has_tensor(block + "ffn_gate_inp.bias");
      moe->bias = keys.has_tensor(block + "ffn_down_exps.bias");
    }
  }
}

void ignore_further_layers(GgufKeys& keys, NameTable& names) {
  const int64_t layers = layer_count(keys);
  for (int64_t i = layers; i < keys.integer("block_count"); ++i) {
    names.ignore("blk." + std::to_string(i) + ".*", "predicts a further token");
  }
}

Spec read_spec(GgufKeys& keys, const GgufArchitecture& architecture) {
  const base::Json config = architecture.config(keys);
  Spec spec = read_config(config, keys.where()).spec;
  adjust(keys, architecture.rope, spec);
  if (architecture.adjust != nullptr) architecture.adjust(keys, spec);
  return spec;
}

// The scale of an NVFP4 weight stands beside it as X.scale, and that of its input as X.input_scale.
const RawTensor* companion(const std::map<std::string, RawTensor>& raw, const std::string& name,
                           std::string_view suffix) {
  constexpr std::string_view kWeight = ".weight";
  if (!name.ends_with(kWeight)) return nullptr;
  const auto found = raw.find(name.substr(0, name.size() - kWeight.size()) + std::string(suffix));
  return found == raw.end() ? nullptr : &found->second;
}

void add_metadata_weights(GgufKeys& keys, std::map<std::string, RawTensor>& raw,
                          std::map<std::string, StoredTensor>& tensors) {
  if (!keys.has("xielu.alpha_p")) return;
  const int64_t layers = layer_count(keys);
  for (const std::string name : {"alpha_p", "alpha_n", "beta", "eps"}) {
    const std::vector<double> values = keys.numbers("xielu." + name, layers);
    for (int64_t i = 0; i < layers; ++i) {
      const double value = values[static_cast<size_t>(i)];
      const std::string tensor = "blk." + std::to_string(i) + ".xielu." + name;
      RawTensor& stands = raw[tensor];
      stands = {keys.where(), tensor, "F32", {1}, {}};
      tensors[tensor].parts = {&stands};
      tensors[tensor].open = [value] { return from_values({value}, "F32 of the metadata"); };
    }
  }
}

std::map<std::string, RawTensor> raw_gguf_tensors(const GgufSource& source) {
  std::map<std::string, RawTensor> raw;
  for (const auto& file : source.files()) {
    for (const base::GgufTensor& tensor : file->tensors()) {
      raw.emplace(tensor.name, RawTensor{.file = file->path().string(),
                                         .name = tensor.name,
                                         .dtype = std::string(tensor.type->name),
                                         .shape = tensor.shape,
                                         .bytes = file->bytes(tensor)});
    }
  }
  return raw;
}

}  // namespace

NameTable gguf_name_table(const GgufArchitecture& architecture, const Spec& spec) {
  NameTable names = gguf_names(architecture.ffn_norm_renamed);
  if (architecture.names != nullptr) architecture.names(names, spec);
  // A converter may be asked to join them.
  return names.or_pack("blk.{i}.attn_qkv", {"q_proj", "k_proj", "v_proj"});
}

std::map<std::string, StoredTensor> gguf_tensors(const std::shared_ptr<const GgufSource>& source,
                                                 std::map<std::string, RawTensor>& raw) {
  raw = raw_gguf_tensors(*source);
  GgufKeys keys(*source, raw, {});
  const GgufArchitecture& architecture = find_architecture(keys);
  const auto layouts = architecture.layout == nullptr
                           ? std::map<std::string, GgufLayout>()
                           : architecture.layout(read_spec(keys, architecture));
  std::set<std::string> companions;
  std::map<std::string, StoredTensor> tensors;
  for (const auto& [name, tensor] : raw) {
    const RawTensor* scale = companion(raw, name, ".scale");
    StoredTensor stored;
    stored.parts = {&tensor};
    for (const RawTensor* part : {scale, companion(raw, name, ".input_scale")}) {
      if (part == nullptr) continue;
      stored.parts.push_back(part);
      companions.insert(part->name);
    }
    const auto found = layouts.find(name);
    const GgufLayout layout = found == layouts.end() ? GgufLayout() : found->second;
    stored.open = [source, &tensor = tensor, scale, layout] {
      return arranged(open_gguf_tensor(tensor, scale), layout, tensor);
    };
    tensors.emplace(name, std::move(stored));
  }
  for (const std::string& name : companions) tensors.erase(name);
  add_metadata_weights(keys, raw, tensors);
  return tensors;
}

GgufMeaning read_gguf(const std::filesystem::path& first,
                      const std::set<std::string>& allowed_keys) {
  const GgufSource source(first);
  const std::map<std::string, RawTensor> raw = raw_gguf_tensors(source);
  GgufKeys keys(source, raw, allowed_keys);
  const GgufArchitecture& architecture = find_architecture(keys);
  GgufMeaning meaning;
  meaning.spec = read_spec(keys, architecture);
  meaning.names = gguf_name_table(architecture, meaning.spec);
  ignore_further_layers(keys, meaning.names);
  keys.finish();
  meaning.allowed_keys = keys.allowed_keys();
  meaning.notes = keys.notes();
  return meaning;
}

}  // namespace plumb::model
