#include "model/weights/group_index.h"

#include "base/errors.h"

namespace plumb::model {

void require_groups(const Numbers& index, int64_t groups) {
  for (int64_t k = 0; k < index.size(); ++k) {
    if (index[k] >= 0.0 && index[k] < static_cast<double>(groups)) continue;
    const RawTensor& tensor = index.tensor();
    throw base::InputError(tensor.file, tensor.name,
                           "names group " + std::to_string(static_cast<int64_t>(index[k])),
                           "there are " + std::to_string(groups) + " groups");
  }
}

}  // namespace plumb::model
