// The models of a study: cases of the catalogue as they are, or varied at random.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/model.h"
#include "trace/recording.h"

namespace plumb::studies {

using tests::Case;

struct StudyModel {
  Case one;                     // "llama-gqa"; "7-llama-gqa" where varied
  std::vector<size_t> lengths;  // of its prompts; none: the default ones
};

// The cases whose names match the glob.
std::vector<StudyModel> catalogue_models(const std::string& glob);

// `count` models, the families in turn: other seeds, sizes, numbers of layers, heads and experts,
// vocabularies, prompts of 10 to 90 tokens. Those whose names match the glob.
std::vector<StudyModel> random_models(size_t count, uint64_t seed, const std::string& glob);

// The model's prompts, over its vocabulary.
std::vector<trace::Prompt> prompts_for(const StudyModel& model, int vocab_size,
                                       int64_t max_position_embeddings);

// "vocab_size 113, hidden_size 44, ...; prompts of 31 and 87 tokens"
std::string describe(const StudyModel& model);

}  // namespace plumb::studies
