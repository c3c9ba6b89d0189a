// The figures of one tap over all prompts.
#pragma once

#include <cstddef>

#include "compare/measure/statistics.h"

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

struct TapFigures {
  Metrics metrics;
  PooledRatio global;
  PooledRatio local;
};

}  // namespace plumb::verdict
