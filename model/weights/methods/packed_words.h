// What GPTQ, AWQ and auto-round share: <m>.qweight, .qzeros, .scales, .g_idx, and the keys that say
// how they are packed.
#pragma once

#include <string>

#include "model/config_reader.h"
#include "model/weights/gptq.h"
#include "model/weights/resolution.h"

namespace plumb::model {

inline constexpr int64_t kPackedGroupLimit = int64_t{1} << 30;

// `bits`: 2, 3, 4 or 8.
int read_packed_bits(ConfigReader& config, int fallback);

// `key`, of which -1 means one group, for which 0 stands.
int64_t read_packed_group(ConfigReader& config, std::string_view key, int64_t fallback);

void add_gptq(Resolution& tensors, const std::string& stem, const Gptq::Options& options);
void add_awq(Resolution& tensors, const std::string& stem, int64_t group);

// How the calibration went, and what tools keep for themselves.
void touch_bookkeeping(ConfigReader& config);

}  // namespace plumb::model
