// GPT-Neo: GPT-2 with scores that are not scaled, and layers that see a window.
// Source: transformers 5.23, models/gpt_neo.
#include "model/families/family.h"
#include "model/families/gpt_parts.h"

namespace plumb::model {
namespace {

constexpr std::string_view kTypes[] = {"global", "local"};

// "attention_types": [[["global", "local"], 12]] is the two in turn, twelve times.
std::vector<std::string> expand_types(const ConfigReader& config, const base::Json& stated,
                                      size_t layers) {
  constexpr const char* kKey = "attention_types";
  const auto refuse = [&]() {
    config.refuse(kKey, "names no type for each of " + std::to_string(layers) + " layers",
                  "write [[[\"global\", \"local\"], times], ...]");
  };
  std::vector<std::string> types;
  if (!stated.is_array()) refuse();
  for (const base::Json& item : stated) {
    if (!item.is_array() || item.size() != 2 || !item[0].is_array() || item[0].empty() ||
        !item[1].is_number_integer() || item[1] < 0 || item[1] > layers) {
      refuse();
    }
    for (size_t time = 0; time < item[1].get<size_t>(); ++time) {
      for (const base::Json& type : item[0]) {
        if (!type.is_string() || types.size() == layers) refuse();
        types.push_back(type.get<std::string>());
      }
    }
  }
  if (types.size() != layers) refuse();
  return types;
}

std::vector<std::string> read_attention_types(ConfigReader& config, int layers) {
  const auto count = static_cast<size_t>(layers);
  config.touch("attention_types");
  base::Json stated = base::Json::parse(R"([[["global", "local"], 12]])");
  if (config.has("attention_types")) stated = config.json().at("attention_types");
  const std::vector<std::string> types = expand_types(config, stated, count);
  const std::vector<std::string> listed =
      read_types(config, "attention_layers", layers, kTypes,
                 [&](int layer) { return std::string_view(types[static_cast<size_t>(layer)]); });
  if (listed != types) {
    config.refuse("attention_layers", "differs from attention_types",
                  "the one follows from the other");
  }
  return types;
}

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 50257,
                                          .hidden_size = 2048,
                                          .intermediate_size = 0,
                                          .num_hidden_layers = 24,
                                          .num_attention_heads = 16,
                                          .rms_norm_eps = 1e-5,
                                          .tie_word_embeddings = true,
                                          .heads_divide_hidden_size = true,
                                          .head_dim_derived = true,
                                          .eps_key = "layer_norm_epsilon",
                                          .layers_key = "num_layers",
                                          .heads_key = "num_heads",
                                          .kv_heads_key = "",
                                          .usual_names = true});
  d.norm = layer_norm(d.norm.eps);
  d.attention.scale = 1.0;
  d.attention.o_bias = true;
  const MlpSpec mlp =
      read_plain_mlp(config, read_inner_size(config, "intermediate_size", d.hidden_size),
                     "activation_function", "gelu_new");
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
  spec.positions = learned_positions(d.max_position_embeddings);
  const auto window = static_cast<int>(config.integer("window_size", 256, 1, int64_t{1} << 30));
  const std::vector<std::string> types = read_attention_types(config, d.num_hidden_layers);
  for (size_t i = 0; i < types.size(); ++i) {
    if (types[i] == "local") std::get<AttentionSpec>(spec.layers[i].mixer).sliding_window = window;
  }
  return spec;
}

NameTable names(const Spec&) {
  const std::string attention = "transformer.h.{i}.attn.attention.";
  return gpt_names()
      .name("q_proj", attention + "q_proj")
      .name("k_proj", attention + "k_proj")
      .name("v_proj", attention + "v_proj")
      .name("o_proj", attention + "out_proj")
      .ignore("*.attn.attention.bias", "a causal mask of old checkpoints")
      .ignore("*.attn.attention.masked_bias", "a constant of old checkpoints")
      .or_prefix("transformer.", "");
}

}  // namespace

constinit const Family kGptNeo{
    .model_type = "gpt_neo",
    .architecture = "GPTNeoForCausalLM",
    .read = read,
    .names = names,
    .inert = kGptInert,
};

}  // namespace plumb::model
