#include "model/spec.h"

#include <cmath>

namespace plumb::model {

double QueryTemperature::factor(double position) const {
  const double turns = (position + offset) / original_max_position_embeddings;
  return growth == Growth::kPower ? std::pow(1.0 + turns, beta)
                                  : 1.0 + beta * std::log(1.0 + std::floor(turns));
}

}  // namespace plumb::model
