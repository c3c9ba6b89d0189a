// Which tensors of the files together are one weight, and in which stored form: what a quantisation
// method works out from the checkpoint's declaration and the names that it finds.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/weights/stored_form.h"

namespace plumb::model {

using RawTensors = std::map<std::string, RawTensor>;

class Resolution {
 public:
  // `raw` and `metadata` (of the files' headers) outlive it.
  Resolution(const RawTensors& raw, const std::map<std::string, std::string>& metadata)
      : raw_(raw), metadata_(metadata) {}

  const RawTensors& raw() const { return raw_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  // Null where there is none.
  const RawTensor* find(const std::string& name) const;
  // Throws InputError: `weight` is quantised, and its companion is missing.
  const RawTensor& need(const std::string& name, const RawTensor& weight) const;
  // The first that exists. Throws InputError naming the first where none does.
  const RawTensor& need_one_of(const std::vector<std::string>& names,
                               const RawTensor& weight) const;
  // Names without `suffix` of the tensors that end with it and belong to no weight yet.
  std::vector<std::string> stems(std::string_view suffix) const;

  using Open = std::function<std::shared_ptr<const StoredForm>()>;
  // `parts` are the weight `name`, the first its main one; null ones are left out.
  void add(const std::string& name, std::vector<const RawTensor*> parts, Open open);
  // These concern an engine's run alone: the weights are the same without them.
  void add_runtime(const RawTensor& tensor, std::string reason);

  // All that belongs to no weight stands for itself.
  std::map<std::string, StoredTensor> finish() &&;

 private:
  const RawTensors& raw_;
  const std::map<std::string, std::string>& metadata_;
  std::map<std::string, StoredTensor> tensors_;
  std::set<std::string> taken_;
};

}  // namespace plumb::model
