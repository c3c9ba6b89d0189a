#include "model/families/lfm_parts.h"

namespace plumb::model {

ShortConvSpec read_short_conv(ConfigReader& config, int64_t kernel) {
  ShortConvSpec conv;
  conv.kernel = static_cast<int>(config.integer("conv_L_cache", kernel, 1, 1024));
  conv.bias = config.flag("conv_bias", false);
  return conv;
}

bool read_lfm_tie(ConfigReader& config, bool tied) {
  return config.present("tie_embedding") ? config.flag("tie_embedding", tied) : tied;
}

void place_lfm_mixers(Spec& spec, const std::vector<std::string>& types,
                      const ShortConvSpec& conv) {
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    if (types[i] == kConvLayer) spec.layers[i].mixer = conv;
  }
}

NameTable lfm_names() {
  const std::string layer = "model.layers.{i}.";
  NameTable names = transformers_names();
  names.name("final_norm", "model.embedding_norm")
      .name("mixer_norm", layer + "operator_norm")
      .name("ffn_norm", layer + "ffn_norm")
      .pack(layer + "conv.in_proj", {"conv.b_proj", "conv.c_proj", "conv.x_proj"})
      .name("conv.weight", layer + "conv.conv.weight", {0, -1, 1})
      .name("conv.bias", layer + "conv.conv.bias")
      .name("conv.o_proj", layer + "conv.out_proj")
      .name("o_proj", layer + "self_attn.out_proj")
      .name("q_norm", layer + "self_attn.q_layernorm")
      .name("k_norm", layer + "self_attn.k_layernorm")
      .name("gate_proj", layer + "feed_forward.w1")
      .name("up_proj", layer + "feed_forward.w3")
      .name("down_proj", layer + "feed_forward.w2");
  return names;
}

}  // namespace plumb::model
