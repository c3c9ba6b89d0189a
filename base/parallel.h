// A fixed set of worker threads that share out independent pieces of work.
//
// Pieces are claimed dynamically, so which thread runs a piece is not defined: results are the same
// at any thread count exactly when each piece writes its own outputs and its work does not depend
// on the count. Everything in Plumbline is cut that way.
#pragma once

#include <cstddef>
#include <memory>

#include "base/function_ref.h"

namespace plumb::base {

class Threads {
 public:
  // count >= 1; 1 runs everything on the caller. 0 means one a core.
  explicit Threads(int count);
  ~Threads();
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  int count() const { return count_; }

  // Calls piece(i) once for every i in [0, pieces) and returns when all are done. The first
  // exception that a piece throws is rethrown here, after the others have finished. Not reentrant.
  void for_each(size_t pieces, FunctionRef<void(size_t)> piece) const;

  // The same with piece(i, worker), worker in [0, count()): no two pieces of one worker run at the
  // same time, so a worker may own scratch memory.
  void for_each_on_worker(size_t pieces, FunctionRef<void(size_t, size_t)> piece) const;

  // for_each over [0, total) cut into ranges of `grain`: body(begin, end).
  void for_ranges(size_t total, size_t grain, FunctionRef<void(size_t, size_t)> body) const;

 private:
  class Pool;
  int count_;
  std::unique_ptr<Pool> pool_;
};

}  // namespace plumb::base
