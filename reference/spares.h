// Memory of dropped values, kept for the next: layers and runs make values of the same sizes again
// and again, and fresh pages would have to be cleared each time.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <vector>

#include "reference/matrix.h"

namespace plumb::reference {

// Holds values of one number of rows: those of the latest take().
class Spares {
 public:
  // A matrix whose elements are not defined.
  Matrix take(size_t rows, size_t width);
  void give(Matrix matrix);

 private:
  std::mutex mutex_;
  size_t rows_ = 0;
  std::map<size_t, std::vector<Matrix>> by_width_;
};

}  // namespace plumb::reference
