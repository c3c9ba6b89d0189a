// The figures of one tap over all prompts.
#pragma once

#include <cstddef>

#include "compare/measure/gates.h"
#include "compare/measure/statistics.h"
#include "result/result.h"

namespace plumb::verdict {

using measure::Metrics;

// RMS over RMS of several tensors taken as one.
class PooledRatio {
 public:
  void add(double ratio, double floor_rms, size_t elements);
  void add(const PooledRatio& other);
  double ratio() const;
  double rms() const;
  double floor_rms() const;

 private:
  double noise_ = 0.0;
  double floor_ = 0.0;
  double count_ = 0.0;
};

// Of two margins the one that is nearer to its limit, or further beyond it.
void keep_nearer(result::Margin& margin, const result::Margin& other);
result::Margin margin_of(const measure::Ratios& ratios, const measure::GateLimits& limits);

struct TapFigures {
  Metrics metrics;
  PooledRatio global;
  PooledRatio local;
  result::Margin global_margin;
  result::Margin local_margin;
};

}  // namespace plumb::verdict
