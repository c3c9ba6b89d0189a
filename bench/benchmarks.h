// The groups of benchmarks; each registers its own for the presets asked for.
#pragma once

#include "bench/models.h"

namespace plumb::bench {

// Synthesising, opening and planning checkpoints.
void register_checkpoint(const Settings& settings, const base::Threads& threads);
// Forwards of the reference and the engines: prefill and decode.
void register_forwards(const Settings& settings, const base::Threads& threads);

// The gated delta rule by itself, 512 tokens of 16 heads of 128 x 128: every kernel.
void register_delta_rule(const base::Threads& threads);
// Products with weights, beside OpenBLAS's of the same shapes.
void register_products(const base::Threads& threads);
// Cost against length, layers, width, experts and replicas.
void register_growth(const Settings& settings, const base::Threads& threads);

}  // namespace plumb::bench
