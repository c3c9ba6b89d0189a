// The weights of a graph, bound to the mapped tensors of a checkpoint.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "base/parallel.h"
#include "model/checkpoint.h"
#include "model/tensor_names.h"

namespace plumb::model {

// One weight wherever its bytes lie: read on demand, in rows, widened exactly. A matrix [out, in]
// has `out` rows; a stack [experts, out, in] has experts * out; a vector has one.
class WeightView {
 public:
  explicit WeightView(WeightDeclaration declaration) : declaration_(std::move(declaration)) {}

  const WeightId& id() const { return declaration_.id; }
  const std::vector<int64_t>& shape() const { return declaration_.shape; }
  size_t rows() const;
  size_t columns() const;
  // The type of storage; the widest where pieces differ. Float64 for what is decoded: a narrower
  // type may not hold it.
  base::DType dtype() const;

  // How neighbouring rows from `first` on are stored alike, in their order.
  struct Run {
    Storage storage;
    size_t rows;
  };
  std::vector<Run> storage(size_t first, size_t count) const;

  // Rows [first, first + count), row-major. out holds count * columns().
  void widen(size_t first, size_t count, std::span<double> out) const;
  void to_float(size_t first, size_t count, std::span<float> out) const;
  std::vector<double> values() const;
  // The bytes of all rows when they lie plainly in one piece of storage, else null.
  const std::byte* contiguous() const;

  // Gives rows [first, first + count) in place of those that `stored` holds.
  using Edit =
      std::function<void(const WeightView& stored, size_t first, size_t count, std::span<double>)>;

 private:
  friend class Weights;
  struct Piece {
    std::shared_ptr<const StoredForm> form;
    Placement placement;
  };
  template <typename Out>
  void read(size_t first, size_t count, std::span<Out> out) const;

  WeightDeclaration declaration_;
  std::vector<Piece> pieces_;
  std::shared_ptr<const WeightView> stored_;  // what edit_ reads; null without one
  Edit edit_;
};

class Weights {
 public:
  // Binds every declared weight. Throws InputError when a tensor is missing, misshapen, of a dtype
  // that holds no weights, or neither used nor ignored by a rule of `names`.
  Weights(const Checkpoint& checkpoint, const std::vector<WeightDeclaration>& declared,
          const NameTable& names);

  const WeightView& at(const WeightId& id) const;
  // The same weights with one of them as `edit` gives it. The checkpoint must outlive both.
  Weights with(const WeightId& id, WeightView::Edit edit) const;

  // What became of a tensor, for `inspect`.
  struct Use {
    std::string tensor;                // as the family names it
    std::string form;                  // StoredForm::describe(); empty when ignored
    std::vector<std::string> weights;  // empty when ignored
    std::string ignored_by;            // "pattern (reason)"
  };
  const std::vector<Use>& uses() const { return uses_; }

  // Reads every used byte once. Throws InputError naming a tensor that holds NaN, infinity or what
  // its format does not define.
  void check_finite(const base::Threads& threads) const;

 private:
  void bind(const Checkpoint& checkpoint, const FileTensor& wanted);
  void account_for_rest(const Checkpoint& checkpoint, const NameTable& names);

  std::map<WeightId, WeightView> views_;
  std::map<std::string, std::shared_ptr<const StoredForm>> used_;
  std::vector<Use> uses_;
};

}  // namespace plumb::model
