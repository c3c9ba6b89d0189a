// Ops that treat every element alike: the loop over rows, shared out over threads.
#pragma once

#include "reference/context.h"
#include "reference/matrix.h"

namespace plumb::reference {

// Calls body(row index, index of its first element) for every row of y.
template <class Body>
void for_rows(const Context& context, const Matrix& y, Body&& body) {
  context.threads.for_ranges(y.shape(0), kRowGrain, [&](size_t begin, size_t end) {
    for (size_t t = begin; t < end; ++t) body(t, t * y.shape(1));
  });
}

}  // namespace plumb::reference
