#include "studies/judge/models.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>

#include <algorithm>
#include <map>

#include "fixtures/catalogue.h"
#include "fixtures/config_sizes.h"
#include "studies/judge/draw.h"

namespace plumb::studies {
namespace {

using base::Json;
using tests::case_names;
using tests::read_case;

bool matches(const std::string& glob, const std::string& name) {
  return ::fnmatch(glob.c_str(), name.c_str(), 0) == 0;
}

// Sizes that are moved by up to so many steps.
struct Range {
  const char* key;
  int64_t step;
  int64_t steps;
};
constexpr Range kRanges[] = {
    {"vocab_size", 6, 8},
    {"hidden_size", 4, 3},
    {"dim", 4, 3},
    {"intermediate_size", 4, 4},
    {"hidden_dim", 4, 4},
    {"head_dim", 2, 2},
    {"moe_intermediate_size", 2, 3},
    {"shared_expert_intermediate_size", 2, 3},
    {"num_experts", 1, 2},
    {"num_local_experts", 1, 2},
    {"n_routed_experts", 1, 2},
    {"kv_lora_rank", 2, 2},
    {"q_lora_rank", 2, 2},
    {"qk_nope_head_dim", 2, 1},
    {"v_head_dim", 2, 2},
    {"sliding_window", 1, 2},
    {"linear_key_head_dim", 2, 1},
    {"linear_value_head_dim", 2, 1},
};

// Heads and those that share keys, multiplied alike.
void vary_heads(Json& sizes, Draw& draw) {
  const int64_t times = draw.between(1, 2);
  for (const char* key : {"num_attention_heads", "num_key_value_heads", "n_heads", "n_kv_heads"}) {
    if (fixtures::is_size(sizes, key)) sizes[key] = times * sizes[key].get<int64_t>();
  }
}

Json vary(const Json& config, Draw& draw) {
  const int64_t layers = fixtures::layers_of(config) + draw.between(-1, 1);
  Json varied = fixtures::with_layers(config, std::max<int64_t>(1, layers));
  Json& sizes = fixtures::sizes_of(varied);
  for (const Range& range : kRanges) {
    const int64_t by = range.step * draw.between(-range.steps, range.steps);
    if (!fixtures::is_size(sizes, range.key)) continue;
    sizes[range.key] = std::max<int64_t>(1, sizes[range.key].get<int64_t>() + by);
  }
  if (draw.between(0, 2) == 0) vary_heads(sizes, draw);
  return varied;
}

// A config that no family reads is drawn again.
StudyModel vary(Case one, size_t index, Draw& draw) {
  const Json config = one.config;
  do {
    one.config = vary(config, draw);
  } while (!fixtures::is_readable(one.config, {}));
  one.name = fmt::format("{}-{}", index, one.name);
  one.seed = static_cast<uint64_t>(draw.between(1, 1'000'000));
  std::vector<size_t> lengths;
  for (int i = 0; i < 2; ++i) lengths.push_back(static_cast<size_t>(draw.between(10, 90)));
  return {std::move(one), std::move(lengths)};
}

}  // namespace

std::vector<StudyModel> catalogue_models(const std::string& glob) {
  std::vector<StudyModel> models;
  for (const std::string& name : case_names()) {
    if (matches(glob, name)) models.push_back({read_case(name), {}});
  }
  return models;
}

std::vector<StudyModel> random_models(size_t count, uint64_t seed, const std::string& glob) {
  std::map<std::string, std::vector<Case>> by_family;
  for (const std::string& name : case_names()) {
    const Case one = read_case(name);
    if (one.tied_tokens == 0) by_family[one.family].push_back(one);
  }
  std::vector<std::vector<Case>> families;
  for (auto& [family, cases] : by_family) families.push_back(std::move(cases));
  Draw order(seed, "families");
  for (size_t i = families.size(); i > 1; --i) {
    std::swap(families[i - 1],
              families[static_cast<size_t>(order.between(0, static_cast<int64_t>(i) - 1))]);
  }
  std::vector<StudyModel> models;
  for (size_t i = 0; i < count; ++i) {
    Draw draw(seed, fmt::format("model {}", i));
    StudyModel model = vary(draw.among(families[i % families.size()]), i, draw);
    if (matches(glob, model.one.name)) models.push_back(std::move(model));
  }
  return models;
}

std::vector<trace::Prompt> prompts_for(const StudyModel& model, int vocab_size,
                                       int64_t max_position_embeddings) {
  if (model.lengths.empty()) {
    return fixtures::default_prompts(vocab_size, max_position_embeddings, model.one.seed);
  }
  std::vector<trace::Prompt> prompts;
  for (const size_t length : model.lengths) {
    trace::Prompt prompt{.name = fmt::format("p{}", prompts.size())};
    Draw draw(model.one.seed, prompt.name);
    const auto longest = static_cast<size_t>(max_position_embeddings);
    const size_t cut = longest > 0 ? std::min(length, longest) : length;
    while (prompt.tokens.size() < cut) prompt.tokens.push_back(draw.between(0, vocab_size - 1));
    prompts.push_back(std::move(prompt));
  }
  return prompts;
}

std::string describe(const StudyModel& model) {
  Json config = model.one.config;
  const Json& sizes = fixtures::sizes_of(config);
  std::string text = fmt::format("{}: seed {}, {} layers", model.one.name, model.one.seed,
                                 fixtures::layers_of(config));
  for (const Range& range : kRanges) {
    if (!fixtures::is_size(sizes, range.key)) continue;
    text += fmt::format(", {} {}", range.key, sizes[range.key].get<int64_t>());
  }
  return text + fmt::format("; prompts of {}", fmt::join(model.lengths, ", "));
}

}  // namespace plumb::studies
