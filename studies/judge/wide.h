// Models of all shapes, for runs that make no mistake: does any of them fail?
#pragma once

#include <cstdint>
#include <string>

#include "studies/judge/models.h"

namespace plumb::studies {

// small: width 48 to 140, 2 to 6 layers, prompts of 8 to 90 tokens; wide: to 384, 12 layers,
// prompts of 200; large: to 1024, 40 layers, vocabularies to 32768; long: small models, prompts to
// 2048.
enum class Shape { kSmall, kWide, kLarge, kLong };

// Throws InputError for a name that is none.
Shape parse_shape(const std::string& name);

// Model `index` of the study with this seed: a case of the catalogue or the tiny preset of a
// family, the families in turn, with other widths, depths, vocabularies, heads, scales and caps,
// tied or not.
StudyModel wide_model(Shape shape, uint64_t seed, size_t index);

}  // namespace plumb::studies
