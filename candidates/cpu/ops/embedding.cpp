#include "base/errors.h"
#include "candidates/cpu/ops/kernels.h"

namespace plumb::candidates::cpu {

Ran compute(const graph::Embedding&, const Context& context) {
  const Weight& table = context.weight(0);
  size_t t = 0;
  for (const Sequence& sequence : context.sequences) {
    for (const int64_t token : sequence.tokens) {
      base::ensure(token >= 0 && static_cast<size_t>(token) < table.rows(),
                   "a token is in the vocabulary");
      table.widen(static_cast<size_t>(token), 1, context.out[0].row(t++));
    }
  }
  return {"rows", ""};
}

}  // namespace plumb::candidates::cpu
