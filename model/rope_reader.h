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
  // Class default of the top-level key, which goes before the dict's; 0: none.
  double original_max_position_embeddings = 0.0;
  bool yarn_is_longrope = false;  // "su" and "yarn" are older names of longrope (phi3)
  bool static_ntk = false;        // a dynamic rope with `alpha` stretches theta once (hunyuan)
  std::string_view theta_key = "rope_theta";  // top-level, and what rope_theta may repeat
  std::string_view partial_key = "partial_rotary_factor";  // the same of it
  std::string_view head_dim_key = "head_dim";  // what to blame for heads that cannot rotate
  // Class default; none: the family rotates whole heads, and another factor is refused.
  std::optional<double> partial_rotary_factor;
};

// One rope for the whole model.
RopeSpec read_rope(ConfigReader& config, const RopeDefaults& defaults, int head_dim,
                   int64_t max_position_embeddings);

// The dict that read_rope reads: `rope_scaling`, `rope_parameters`, or what stands for an absent
// one.
base::Json rope_dict(ConfigReader& config, const RopeDefaults& defaults);

// The factor by which a context's stretch sharpens attention (YaRN, arXiv 2309.00071, eq. 22).
double yarn_mscale(double factor, double mscale);

// The rope of one layer type where types have their own: `rope_parameters` nested by type, else the
// older flat keys, of which `rope_scaling` concerns the types with `scaled` alone.
RopeSpec read_layer_rope(ConfigReader& config, std::string_view layer_type, bool scaled,
                         const RopeDefaults& defaults, int head_dim,
                         int64_t max_position_embeddings);

}  // namespace plumb::model
