#include "studies/judge/wide.h"

#include <fmt/format.h>

#include <cmath>
#include <map>

#include "base/errors.h"
#include "fixtures/config_sizes.h"
#include "fixtures/presets.h"
#include "model/families/family.h"
#include "studies/judge/draw.h"

namespace plumb::studies {
namespace {

using base::Json;
using tests::case_names;
using tests::read_case;

// What a shape allows.
struct Bounds {
  std::string_view name;
  int64_t least_width;  // times a tiny model's
  int64_t most_width;
  int64_t most_layers;
  int64_t most_vocabulary;
  int64_t longest;  // prompt
};
constexpr Bounds kBounds[] = {{"small", 1, 2, 6, 600, 90},
                              {"wide", 2, 8, 12, 4000, 200},
                              {"large", 8, 20, 40, 32768, 128},
                              {"long", 1, 2, 4, 600, 2048}};

const Bounds& bounds_of(Shape shape) {
  return kBounds[static_cast<size_t>(shape)];
}

constexpr const char* kWidths[] = {"hidden_size",           "dim",
                                   "intermediate_size",     "hidden_dim",
                                   "moe_intermediate_size", "shared_expert_intermediate_size"};
constexpr const char* kHeads[] = {
    "num_attention_heads", "num_key_value_heads",     "n_heads",
    "n_kv_heads",          "num_swa_attention_heads", "num_swa_key_value_heads"};
constexpr const char* kDeltaHeads[] = {"linear_num_key_heads", "linear_num_value_heads"};
constexpr const char* kHeadWidths[] = {"head_dim",   "linear_key_head_dim", "linear_value_head_dim",
                                       "v_head_dim", "qk_nope_head_dim",    "kv_lora_rank"};
constexpr const char* kExperts[] = {"num_experts", "num_local_experts", "n_routed_experts"};
constexpr const char* kScales[] = {
    "embedding_multiplier",   "residual_multiplier",   "attention_multiplier",
    "logits_scaling",         "logit_scale",           "final_logit_softcapping",
    "attn_logit_softcapping", "query_pre_attn_scalar", "routed_scaling_factor",
    "scale_query_by",         "output_soft_cap_temp"};

template <size_t N>
void multiply(Json& sizes, const char* const (&keys)[N], int64_t by) {
  for (const char* key : keys) {
    if (fixtures::is_size(sizes, key)) sizes[key] = by * sizes[key].get<int64_t>();
  }
}

void vary_scales(Json& sizes, Draw& draw) {
  for (const char* key : kScales) {
    if (!sizes.contains(key) || !sizes[key].is_number() || draw.between(0, 1) == 0) continue;
    const double by = std::exp(0.1 * static_cast<double>(draw.between(-7, 7)));
    sizes[key] = by * sizes[key].get<double>();
  }
}

// As often short as long: the logarithm is drawn evenly.
int64_t spread(int64_t first, int64_t last, Draw& draw) {
  const double ratio = static_cast<double>(last) / static_cast<double>(first);
  const double share = static_cast<double>(draw.between(0, 1000)) / 1000.0;
  return static_cast<int64_t>(std::round(static_cast<double>(first) * std::pow(ratio, share)));
}

Json vary(const Json& config, const Bounds& bounds, Draw& draw) {
  const int64_t width = spread(bounds.least_width, bounds.most_width, draw);
  const int64_t deep = std::max<int64_t>(2, bounds.most_layers * 4 / (3 + width));
  Json varied = fixtures::with_layers(config, spread(2, deep, draw));
  Json& sizes = fixtures::sizes_of(varied);
  multiply(sizes, kWidths, width);
  for (const char* key : kWidths) {
    const int64_t by = 4 * draw.between(0, 3 * width);
    if (fixtures::is_size(sizes, key)) sizes[key] = sizes[key].get<int64_t>() + by;
  }
  multiply(sizes, kHeads, spread(1, std::min<int64_t>(width, 4), draw));
  multiply(sizes, kDeltaHeads, draw.between(1, 2));
  multiply(sizes, kHeadWidths, spread(1, std::min<int64_t>(width, 4), draw));
  multiply(sizes, kExperts, spread(1, 4, draw));
  vary_scales(sizes, draw);
  for (Json* holder : {&varied, &sizes}) {
    if (!holder->contains("tie_word_embeddings")) continue;
    (*holder)["tie_word_embeddings"] = draw.between(0, 1) == 0;
  }
  if (fixtures::is_size(sizes, "vocab_size")) {
    const auto least = sizes["vocab_size"].get<int64_t>();
    sizes["vocab_size"] = spread(least, bounds.most_vocabulary, draw);
  }
  // Where nothing is scaled by it, it only cuts prompts.
  const bool scaled = varied.dump().find("factor") != std::string::npos;
  if (!scaled && fixtures::is_size(sizes, "max_position_embeddings")) {
    sizes["max_position_embeddings"] = 4096;
  }
  return varied;
}

std::vector<std::vector<Case>> cases_by_family() {
  std::map<std::string, std::vector<Case>> by_family;
  for (const std::string& name : case_names()) {
    const Case one = read_case(name);
    if (one.tied_tokens == 0) by_family[one.family].push_back(one);
  }
  std::vector<std::vector<Case>> families;
  for (auto& [family, cases] : by_family) {
    cases.push_back({.name = family + "-tiny",
                     .family = family,
                     .config = fixtures::preset_config(family, "tiny")});
    families.push_back(std::move(cases));
  }
  return families;
}

}  // namespace

Shape parse_shape(const std::string& name) {
  for (size_t i = 0; i < std::size(kBounds); ++i) {
    if (kBounds[i].name == name) return static_cast<Shape>(i);
  }
  throw base::InputError("--shape", name, "is none", "known are small, wide, large, long");
}

StudyModel wide_model(Shape shape, uint64_t seed, size_t index) {
  static const std::vector<std::vector<Case>> families = cases_by_family();
  const Bounds& bounds = bounds_of(shape);
  Draw draw(seed, fmt::format("{} {}", bounds.name, index));
  Case one = draw.among(families[index % families.size()]);
  const Json config = one.config;
  // A config that no family reads is drawn again.
  do {
    one.config = vary(config, bounds, draw);
  } while (!fixtures::is_readable(one.config, {}));
  one.name = fmt::format("{}-{}-{}-{}", bounds.name, seed, index, one.name);
  one.seed = static_cast<uint64_t>(draw.between(1, 1'000'000));
  const int64_t shortest = shape == Shape::kLong ? 200 : 8;
  std::vector<size_t> lengths;
  for (int i = 0; i < (shape == Shape::kLong ? 1 : 2); ++i) {
    lengths.push_back(static_cast<size_t>(spread(shortest, bounds.longest, draw)));
  }
  return {std::move(one), std::move(lengths)};
}

}  // namespace plumb::studies
