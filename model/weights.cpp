#include "model/weights.h"

#include <fnmatch.h>

#include <algorithm>

#include "base/errors.h"
#include "model/gguf/source.h"
#include "model/weights/shapes.h"

namespace plumb::model {
namespace {

using base::InputError;

std::vector<int64_t> without_ones(std::vector<int64_t> shape) {
  std::erase(shape, 1);
  return shape;
}

void decode(const StoredForm& form, int64_t first, int64_t stride, std::span<double> out) {
  form.decode(first, stride, out);
}
void decode(const StoredForm& form, int64_t first, int64_t stride, std::span<float> out) {
  form.to_float(first, stride, out);
}

base::DType dtype_of(const StoredForm& form) {
  const auto plain = form.plain();
  return plain ? plain->dtype : base::DType::kF64;
}

[[noreturn]] void refuse_missing(const Checkpoint& checkpoint, const std::string& tensor,
                                 const std::vector<int64_t>& shape) {
  throw InputError(checkpoint.folder().string(), tensor, "the tensor is missing",
                   "the config asks for weights of shape " + show(shape));
}

}  // namespace

size_t WeightView::rows() const {
  return shape().size() < 2 ? 1 : static_cast<size_t>(declaration_.elements() / shape().back());
}

size_t WeightView::columns() const {
  return static_cast<size_t>(shape().back());
}

base::DType WeightView::dtype() const {
  base::DType widest = dtype_of(*pieces_.front().form);
  for (const Piece& piece : pieces_) {
    const base::DType dtype = dtype_of(*piece.form);
    if (base::size_of(dtype) > base::size_of(widest)) widest = dtype;
  }
  return widest;
}

std::vector<WeightView::Run> WeightView::storage(size_t first, size_t count) const {
  const auto size = static_cast<size_t>(pieces_.front().placement.elements());
  std::vector<Run> runs;
  for (size_t row = first; row < first + count;) {
    const size_t piece = row * columns() / size;
    const size_t end = std::max(row + 1, std::min(first + count, (piece + 1) * size / columns()));
    const Storage storage = pieces_[piece].form->storage();
    if (runs.empty() || runs.back().storage != storage) runs.push_back({storage, 0});
    runs.back().rows += end - row;
    row = end;
  }
  return runs;
}

template <typename Out>
void WeightView::read(size_t first, size_t count, std::span<Out> out) const {
  const auto begin = static_cast<int64_t>(first * columns());
  const auto end = static_cast<int64_t>((first + count) * columns());
  const auto after = [](int64_t element, const Piece& piece) {
    return element < piece.placement.first;
  };
  // The last piece that begins at or before `begin`, and those after it.
  auto piece = std::prev(std::upper_bound(pieces_.begin(), pieces_.end(), begin, after));
  for (; piece != pieces_.end() && piece->placement.first < end; ++piece) {
    const int64_t start = piece->placement.first;
    const int64_t from = std::max(begin, start) - start;
    const int64_t to = std::min(end, start + piece->placement.elements()) - start;
    piece->placement.for_runs(
        from, to - from, [&](int64_t at, int64_t length, int64_t source, int64_t stride) {
          Out* target = out.data() + (start + at - begin);
          decode(*piece->form, source, stride, {target, static_cast<size_t>(length)});
        });
  }
}

void WeightView::widen(size_t first, size_t count, std::span<double> out) const {
  if (edit_) return edit_(*stored_, first, count, out);
  read(first, count, out);
}

void WeightView::to_float(size_t first, size_t count, std::span<float> out) const {
  if (!edit_) return read(first, count, out);
  std::vector<double> wide(out.size());
  widen(first, count, wide);
  std::copy(wide.begin(), wide.end(), out.begin());
}

std::vector<double> WeightView::values() const {
  std::vector<double> all(rows() * columns());
  widen(0, rows(), all);
  return all;
}

const std::byte* WeightView::contiguous() const {
  if (pieces_.size() != 1 || edit_) return nullptr;
  const Piece& piece = pieces_.front();
  const auto plain = piece.form->plain();
  if (!plain) return nullptr;
  const std::byte* start = nullptr;
  piece.placement.for_runs(0, declaration_.elements(),
                           [&](int64_t, int64_t length, int64_t from, int64_t stride) {
                             if (length == declaration_.elements() && stride == 1) {
                               start = plain->bytes + from * base::size_of(plain->dtype);
                             }
                           });
  return start;
}

Weights::Weights(const Checkpoint& checkpoint, const std::vector<WeightDeclaration>& declared,
                 const NameTable& names) {
  const auto exists = [&](const std::string& name) { return checkpoint.tensors().contains(name); };
  // A config may claim millions of tensors: the ends of every weight are looked for before all are
  // laid out.
  for (const WeightDeclaration& weight : declared) {
    for (const std::string& name : outer_tensors(weight, names, exists)) {
      if (!exists(name)) refuse_missing(checkpoint, name, weight.shape);
    }
  }
  for (const WeightDeclaration& weight : declared) views_.emplace(weight.id, weight);
  for (const FileTensor& wanted : lay_out(declared, names, exists)) bind(checkpoint, wanted);
  account_for_rest(checkpoint, names);
}

void Weights::bind(const Checkpoint& checkpoint, const FileTensor& wanted) {
  const auto found = checkpoint.tensors().find(wanted.name);
  if (found == checkpoint.tensors().end()) refuse_missing(checkpoint, wanted.name, wanted.shape);
  const std::shared_ptr<const StoredForm> form = found->second.open();
  // ggml keeps no leading extents of 1.
  const bool fits = is_gguf(checkpoint.folder())
                        ? without_ones(form->shape()) == without_ones(wanted.shape)
                        : form->shape() == wanted.shape;
  if (!fits) {
    const RawTensor& main = found->second.main();
    throw InputError(main.file, main.name, "has shape " + show(form->shape()),
                     "the config asks for " + show(wanted.shape));
  }
  Use use{.tensor = wanted.name, .form = form->describe()};
  for (const Placement& part : wanted.parts) {
    // Pieces arrive in their order: lay_out walks them from 0 up.
    views_.at(part.weight).pieces_.push_back({form, part});
    use.weights.push_back(part.weight.name());
  }
  used_.emplace(wanted.name, form);
  uses_.push_back(std::move(use));
}

void Weights::account_for_rest(const Checkpoint& checkpoint, const NameTable& names) {
  constexpr int kShown = 4;
  std::string unknown;
  int count = 0;
  for (const auto& [name, stored] : checkpoint.tensors()) {
    if (used_.contains(name)) continue;
    if (!stored.runtime.empty()) {
      uses_.push_back({.tensor = name, .ignored_by = stored.runtime});
      continue;
    }
    const auto rule = std::find_if(
        names.ignored().begin(), names.ignored().end(), [&](const IgnoreRule& candidate) {
          return ::fnmatch(candidate.pattern.c_str(), name.c_str(), 0) == 0;
        });
    if (rule != names.ignored().end()) {
      uses_.push_back({.tensor = name, .ignored_by = rule->pattern + " (" + rule->reason + ")"});
    } else if (++count <= kShown) {
      unknown += (unknown.empty() ? "" : ", ") + name;
    }
  }
  if (count > kShown) unknown += " and " + std::to_string(count - kShown) + " more";
  if (count > 0) {
    throw InputError(checkpoint.folder().string(), unknown,
                     "the model type has no use for " +
                         std::string(count == 1 ? "this tensor" : "these tensors"),
                     "take out what the config does not describe, or mend the config");
  }
}

const WeightView& Weights::at(const WeightId& id) const {
  const auto found = views_.find(id);
  if (found == views_.end()) throw base::InternalError("weight " + id.name() + " is declared");
  return found->second;
}

Weights Weights::with(const WeightId& id, WeightView::Edit edit) const {
  Weights other = *this;
  WeightView& view = other.views_.at(id);
  view.stored_ = std::make_shared<const WeightView>(view);
  view.edit_ = std::move(edit);
  return other;
}

void Weights::check_finite(const base::Threads& threads) const {
  std::vector<const StoredForm*> all;
  for (const auto& [name, form] : used_) all.push_back(form.get());
  std::vector<std::string> damage(all.size());  // of each its own line: the first by name is told
  threads.for_each(all.size(), [&](size_t i) {
    try {
      all[i]->check();
    } catch (const InputError& error) {
      damage[i] = error.what();
    }
  });
  const auto first =
      std::find_if(damage.begin(), damage.end(), [](const auto& line) { return !line.empty(); });
  if (first != damage.end()) throw InputError(*first);
}

}  // namespace plumb::model
