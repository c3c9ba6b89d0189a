// What ops there are: their inputs, weights, outputs and attributes with the defaults.
#pragma once

#include <string>

#include "base/json.h"

namespace plumb::kernel {

// Schema "plumbline.ops/1".
base::OrderedJson listing_json();
std::string listing_text();

}  // namespace plumb::kernel
