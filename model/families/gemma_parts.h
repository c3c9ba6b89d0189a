// What the generations of Gemma share: (1 + weight) norms rounded once, the embedding times
// sqrt(hidden_size), tied embeddings.
#pragma once

#include "model/families/decoder.h"

namespace plumb::model {

// Dimensions with the norm of the Gemma family.
Dimensions read_gemma_dimensions(ConfigReader& config, const ClassDefaults& defaults);

// x + post_norm(mixer(norm(x))), then the same with the feed-forward (Gemma 2 and 3).
LayerSpec sandwich_layer(const NormSpec& norm, MixerSpec mixer, FeedForwardSpec ffn);

// make_decoder with the scaled embedding.
Spec make_gemma(const Dimensions& dimensions, const LayerSpec& layer);

// A soft cap: null means none.
double read_soft_cap(ConfigReader& config, std::string_view key, double fallback);

// query_pre_attn_scalar^-0.5, which need not be head_dim^-0.5.
double read_query_scale(ConfigReader& config, double fallback);

NameTable sandwich_names();

}  // namespace plumb::model
