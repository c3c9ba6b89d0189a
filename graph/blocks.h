// The blocks of a layer: mixers and feed-forwards. Each takes the draft and the value that enters
// the block, and gives the value that it returns.
#pragma once

#include "graph/draft.h"
#include "model/spec.h"

namespace plumb::graph {

ValueId mixer(Draft& draft, const model::AttentionSpec& spec, ValueId in, int hidden_size);
ValueId mixer(Draft& draft, const model::LatentAttentionSpec& spec, ValueId in, int hidden_size);
ValueId mixer(Draft& draft, const model::GatedDeltaNetSpec& spec, ValueId in, int hidden_size);
ValueId mixer(Draft& draft, const model::ShortConvSpec& spec, ValueId in, int hidden_size);

ValueId feed_forward(Draft& draft, const model::MlpSpec& spec, ValueId in, int hidden_size);
ValueId feed_forward(Draft& draft, const model::MoeSpec& spec, ValueId in, int hidden_size);

}  // namespace plumb::graph
