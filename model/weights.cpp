#include "model/weights.h"

#include <fnmatch.h>

#include <algorithm>

#include "base/errors.h"

namespace plumb::model {
namespace {

using base::InputError;

std::string show(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

void convert(base::DType dtype, const std::byte* raw, std::span<double> out) {
  base::widen(dtype, raw, out);
}
void convert(base::DType dtype, const std::byte* raw, std::span<float> out) {
  base::to_float(dtype, raw, out);
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
  base::DType widest = pieces_.front().dtype;
  for (const Piece& piece : pieces_) {
    if (base::size_of(piece.dtype) > base::size_of(widest)) widest = piece.dtype;
  }
  return widest;
}

template <typename Out>
void WeightView::read(size_t first, size_t count, std::span<Out> out) const {
  const auto begin = static_cast<int64_t>(first * columns());
  const auto end = static_cast<int64_t>((first + count) * columns());
  const int64_t size = pieces_.front().placement.elements();
  for (int64_t p = begin / size; p * size < end; ++p) {
    const Piece& piece = pieces_[static_cast<size_t>(p)];
    const int64_t from = std::max(begin, p * size) - p * size;
    const int64_t to = std::min(end, (p + 1) * size) - p * size;
    const std::byte* data = piece.stored.data();
    const size_t unit = base::size_of(piece.dtype);
    piece.placement.for_runs(
        from, to - from, [&](int64_t at, int64_t length, int64_t source, int64_t stride) {
          Out* target = out.data() + (p * size + at - begin);
          if (stride == 1) {
            convert(piece.dtype, data + source * unit, {target, static_cast<size_t>(length)});
            return;
          }
          for (int64_t k = 0; k < length; ++k) {
            convert(piece.dtype, data + (source + k * stride) * unit, std::span(target + k, 1));
          }
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
  const std::byte* start = nullptr;
  piece.placement.for_runs(0, declaration_.elements(),
                           [&](int64_t, int64_t length, int64_t from, int64_t stride) {
                             if (length == declaration_.elements() && stride == 1) {
                               start = piece.stored.data() + from * base::size_of(piece.dtype);
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
  const StoredTensor& stored = found->second;
  const std::string file = stored.file->path().string();
  if (stored.entry->shape != wanted.shape) {
    throw InputError(file, wanted.name, "has shape " + show(stored.entry->shape),
                     "the config asks for " + show(wanted.shape));
  }
  const auto dtype = base::dtype_from_safetensors_name(stored.entry->dtype);
  if (!dtype) {
    throw InputError(file, wanted.name, "has dtype " + stored.entry->dtype,
                     "weights are F64, F32, F16 or BF16");
  }
  Use use{.tensor = wanted.name};
  for (const Placement& part : wanted.parts) {
    // Pieces arrive in their order: lay_out walks them from 0 up.
    views_.at(part.weight).pieces_.push_back({stored, *dtype, part});
    use.weights.push_back(part.weight.name());
  }
  used_.emplace(wanted.name, stored);
  uses_.push_back(std::move(use));
}

void Weights::account_for_rest(const Checkpoint& checkpoint, const NameTable& names) {
  constexpr int kShown = 4;
  std::string unknown;
  int count = 0;
  for (const auto& [name, stored] : checkpoint.tensors()) {
    if (used_.contains(name)) continue;
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
  std::vector<const StoredTensor*> all;
  for (const auto& [name, stored] : used_) all.push_back(&stored);
  std::vector<char> damaged(all.size(), 0);
  threads.for_each(all.size(), [&](size_t i) {
    const base::SafetensorsEntry& entry = *all[i]->entry;
    const auto dtype = base::dtype_from_safetensors_name(entry.dtype);
    damaged[i] = !base::all_finite(*dtype, all[i]->data(), entry.elements());
  });
  const auto first = std::find(damaged.begin(), damaged.end(), 1);
  if (first == damaged.end()) return;
  const StoredTensor& stored = *all[static_cast<size_t>(first - damaged.begin())];
  throw InputError(stored.file->path().string(), stored.entry->name, "holds NaN or infinity",
                   "the checkpoint is damaged: fetch or export it again");
}

}  // namespace plumb::model
