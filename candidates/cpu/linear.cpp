#include "candidates/cpu/kernels.h"
#include "candidates/cpu/product.h"

namespace plumb::candidates::cpu {

Ran compute(const graph::Linear&, const Context& context) {
  const Product product{.weight = &context.weight(0),
                        .columns = context.out[0].width,
                        .bias = context.has_weight(1) ? context.weight(1).vector().data() : nullptr,
                        .x = context.in[0].data,
                        .rows = context.rows(),
                        .y = context.out[0].data,
                        .y_stride = context.out[0].width};
  return multiply({&product, 1}, context.threads, context.scratch);
}

ScratchSize scratch_for(const graph::Linear&, const Step& step) {
  return {.per_worker = product_scratch(*step.weights[0])};
}

}  // namespace plumb::candidates::cpu
