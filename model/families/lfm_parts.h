// What Liquid's models share: short convolutions between attention layers.
#pragma once

#include "model/families/decoder.h"

namespace plumb::model {

inline constexpr std::string_view kConvLayer = "conv";

ShortConvSpec read_short_conv(ConfigReader& config, int64_t kernel);

// tie_embedding, which goes before tie_word_embeddings.
bool read_lfm_tie(ConfigReader& config, bool tied);

// Gives the layers of type conv the convolution.
void place_lfm_mixers(Spec& spec, const std::vector<std::string>& types, const ShortConvSpec& conv);

// model.layers.N.conv.in_proj, ..., feed_forward.w1
NameTable lfm_names();

}  // namespace plumb::model
