// Reads the rotary position parameters of both config generations: `rope_theta` + `rope_scaling`
// (`rope_type` or the older `type`), or everything inside `rope_parameters`.
//
// Source: transformers 5.23, modeling_rope_utils.py, RotaryEmbeddingConfigMixin. A value in the
// dict goes before the top-level key, which goes before the class default; `rope_scaling` goes
// before `rope_parameters`; a top-level `original_max_position_embeddings` goes before the dict's.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "model/config_reader.h"
#include "model/spec.h"

namespace plumb::model {

struct RopeDefaults {
  double theta = 10000.0;
  RopePairs pairs = RopePairs::kHalves;
  RopeRounding rounding = RopeRounding::kEveryStep;
  // What stands for an absent dict: not every class means plain rotation by it. May be null.
  const char* absent_dict = nullptr;
  // Keys that the family reads in the dict besides; the reader leaves them to it.
  std::vector<std::string_view> own_keys;
  // Class default; none: the family rotates whole heads, and another factor is refused.
  std::optional<double> partial_rotary_factor;
};

// One rope for the whole model.
RopeSpec read_rope(ConfigReader& config, const RopeDefaults& defaults, int head_dim,
                   int64_t max_position_embeddings);

// One entry of a `rope_parameters` that is nested by layer type, or the `rope_scaling` that stands
// for it. Reads and finishes `dict`; `config` is the reader of the whole file.
RopeSpec read_rope_entry(const ConfigReader& config, ConfigReader dict,
                         const RopeDefaults& defaults, int head_dim,
                         int64_t max_position_embeddings);

// A number of the dict that holds for the whole model, for families that use it outside the rope.
double read_rope_number(ConfigReader& config, std::string_view key, double fallback);

// The factor by which a context's stretch sharpens attention (YaRN, arXiv 2309.00071, eq. 22).
double yarn_mscale(double factor, double mscale);

}  // namespace plumb::model
