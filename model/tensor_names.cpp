#include "model/tensor_names.h"

#include <algorithm>
#include <map>

#include "base/errors.h"

namespace plumb::model {
namespace {

int64_t product(const std::vector<int64_t>& extents) {
  int64_t result = 1;
  for (const int64_t extent : extents) result *= extent;
  return result;
}

std::string replace(std::string text, std::string_view mark, int64_t value) {
  const size_t at = text.find(mark);
  return at == std::string::npos ? text : text.replace(at, mark.size(), std::to_string(value));
}

// The part of a role that a stem leaves over: ".weight" for "q_proj.weight" and "q_proj".
std::string suffix_of(const std::string& role, const std::string& stem) {
  const bool stems = role.starts_with(stem) && role.find('.', stem.size() + 1) == std::string::npos;
  return role == stem ? "" : (stems && role[stem.size()] == '.' ? role.substr(stem.size()) : "?");
}

using Exists = std::function<bool(const std::string&)>;

struct Match {
  const TensorRule* rule;
  std::string suffix;  // appended to the rule's tensor and roles
};

std::string tensor_name(const Match& match, int layer, int64_t piece) {
  return replace(replace(match.rule->tensor + match.suffix, "{i}", layer), "{e}", piece);
}

// True where the slices of the weight's first axis are tensors of their own.
bool is_spread(const Match& match) {
  return match.rule->tensor.find("{e}") != std::string::npos;
}

Match find_rule(const WeightDeclaration& weight, const NameTable& names, const Exists& exists) {
  std::vector<Match> found;
  for (const TensorRule& rule : names.rules()) {
    for (const std::string& role : rule.roles) {
      const std::string suffix = suffix_of(weight.id.role, role);
      if (suffix != "?") found.push_back({&rule, suffix});
    }
  }
  for (const Match& candidate : found) {
    if (exists(tensor_name(candidate, weight.id.layer, 0))) return candidate;
  }
  if (found.empty()) throw base::InternalError("no naming rule for '" + weight.id.name() + "'");
  return found.front();
}

class LayOut {
 public:
  LayOut(const std::vector<WeightDeclaration>& weights, const NameTable& names,
         const Exists& exists)
      : names_(names), exists_(exists) {
    for (const WeightDeclaration& weight : weights) by_id_[weight.id] = &weight;
    for (const WeightDeclaration& weight : weights) place(weight);
  }

  std::vector<FileTensor> take() {
    for (const FileTensor& tensor : tensors_) {
      int64_t covered = 0;
      for (const Placement& part : tensor.parts) covered += part.elements();
      if (covered != product(tensor.shape)) {
        throw base::InternalError("the naming rule of '" + tensor.name + "' covers it exactly");
      }
    }
    return std::move(tensors_);
  }

 private:
  void place(const WeightDeclaration& weight) {
    const Match found = find_rule(weight, names_, exists_);
    if (!found.rule->sections.empty()) return place_sections(weight, found);
    const bool spread = is_spread(found);
    const int64_t pieces = spread ? weight.shape.front() : 1;
    for (int64_t piece = 0; piece < pieces; ++piece) {
      place_piece(weight, found, piece, spread);
    }
  }

  void place_sections(const WeightDeclaration& weight, const Match& found) {
    const int64_t row = weight.elements() / weight.shape.front();
    int64_t first = 0;
    for (const auto& [name, rows] : found.rule->sections) {
      std::vector<int64_t> shape = weight.shape;
      shape.front() = rows;
      FileTensor& file =
          tensor(replace(name, "{i}", weight.id.layer), stored_shape(found, std::move(shape)));
      file.parts.push_back({.weight = weight.id,
                            .first = first,
                            .extents = {1, rows, row},
                            .strides = {rows * row, row, 1}});
      first += rows * row;
    }
    base::ensure(first == weight.elements(), "sections hold all rows of their weight");
  }

  // What the axes of a tensor of this shape are in the file.
  static std::vector<int64_t> stored_shape(const Match& found, std::vector<int64_t> shape) {
    if (found.rule->axes) {
      std::vector<int64_t> stored;
      for (const int axis : *found.rule->axes) {
        stored.push_back(axis < 0 ? 1 : shape[static_cast<size_t>(axis)]);
      }
      shape = std::move(stored);
    }
    if (found.rule->flat) shape = {shape[0] * shape[1], shape[2]};
    return shape;
  }

  void place_piece(const WeightDeclaration& weight, const Match& found, int64_t piece,
                   bool spread) {
    const auto own_shape = [&](const WeightDeclaration& w) {
      return std::vector<int64_t>(w.shape.begin() + (spread ? 1 : 0), w.shape.end());
    };
    std::vector<int64_t> shape = own_shape(weight);
    const int64_t size = product(shape);
    Placement part = found.rule->columns ? in_columns(weight.id, found, shape)
                                         : in_rows(weight, found, own_shape, shape);
    if (found.rule->transposed && shape.size() == 2) {
      part = transposed(part, shape);
      std::swap(shape[0], shape[1]);
    }
    FileTensor& file =
        tensor(tensor_name(found, weight.id.layer, piece), stored_shape(found, std::move(shape)));
    file.parts.push_back(std::move(part));
    file.parts.back().first = piece * size;
  }

  // `shape` becomes the tensor's: that of all roles together.
  template <class OwnShape>
  Placement in_rows(const WeightDeclaration& weight, const Match& found, OwnShape&& own_shape,
                    std::vector<int64_t>& shape) const {
    // In a stack of matrices each is a group.
    const bool stack = shape.size() > 2;
    const auto rows_of = [&](const std::vector<int64_t>& s) {
      return stack ? s[0] * s[1] : s.front();
    };
    const int64_t groups = stack ? shape.front() : found.rule->groups;
    const int64_t row = product(shape) / rows_of(shape);
    int64_t rows = 0;    // of all roles in the tensor
    int64_t before = 0;  // of those ahead of this one, in one group
    for (const std::string& stem : found.rule->roles) {
      const std::string role = stem + found.suffix;
      if (role == weight.id.role) before = rows / groups;
      const auto mate = by_id_.find({weight.id.layer, role});
      base::ensure(mate != by_id_.end(), "all roles of a packed tensor are in the graph");
      rows += rows_of(own_shape(*mate->second));
    }
    const int64_t own = rows_of(shape);
    shape[stack ? 1 : 0] = stack ? rows / groups : rows;
    return {.weight = weight.id,
            .offset = before * row,
            .extents = {groups, own / groups, row},
            .strides = {rows / groups * row, row, 1}};
  }

  // Rows of a matrix of `shape` as columns of the tensor.
  static Placement transposed(const Placement& rows, const std::vector<int64_t>& shape) {
    const int64_t row = rows.strides[1];
    return {.weight = rows.weight,
            .offset = rows.offset / row,
            .extents = rows.extents,
            .strides = {rows.strides[0] / row, 1, shape[0]}};
  }

  // A stack of [out, in] or of [out], stored as [in, roles * out] or [roles * out]: the roles in
  // turns, or each as a block.
  static Placement in_columns(const WeightId& id, const Match& found, std::vector<int64_t>& shape) {
    const auto& roles = found.rule->roles;
    const auto turns = static_cast<int64_t>(roles.size());
    const auto turn = std::find_if(roles.begin(), roles.end(), [&](const std::string& stem) {
      return stem + found.suffix == id.role;
    });
    const int64_t stack = shape.front();
    const int64_t out = shape[1];
    const int64_t in = shape.size() > 2 ? shape[2] : 1;
    const int64_t before = turn - roles.begin();
    const bool blocks = found.rule->halves;
    Placement part{.weight = id,
                   .offset = blocks ? before * out : before,
                   .extents = {stack, out, in},
                   .strides = {in * turns * out, blocks ? 1 : turns, turns * out}};
    if (shape.size() > 2) {
      shape = {stack, in, turns * out};
    } else {
      shape = {stack, turns * out};
    }
    return part;
  }

  FileTensor& tensor(const std::string& name, const std::vector<int64_t>& shape) {
    const auto [at, fresh] = index_.try_emplace(name, tensors_.size());
    if (fresh) tensors_.push_back({.name = name, .shape = shape});
    return tensors_[at->second];
  }

  const NameTable& names_;
  const Exists& exists_;
  std::map<WeightId, const WeightDeclaration*> by_id_;
  std::map<std::string, size_t> index_;
  std::vector<FileTensor> tensors_;
};

}  // namespace

std::string WeightId::name() const {
  return layer < 0 ? role : "layers." + std::to_string(layer) + "." + role;
}

int64_t WeightDeclaration::elements() const {
  return product(shape);
}

NameTable& NameTable::drop(std::string_view role) {
  std::erase_if(rules_, [&](const TensorRule& rule) {
    return rule.roles.size() == 1 && rule.roles.front() == role;
  });
  return *this;
}

NameTable& NameTable::name(std::string_view role, std::string_view tensor) {
  return drop(role).pack(tensor, {std::string(role)});
}

NameTable& NameTable::name(std::string_view role, std::string_view tensor, std::vector<int> axes) {
  name(role, tensor);
  rules_.back().axes = std::move(axes);
  return *this;
}

NameTable& NameTable::pack(std::string_view tensor, std::vector<std::string> roles, int groups) {
  if (roles.size() > 1) {
    for (const std::string& role : roles) drop(role);
  }
  return or_pack(tensor, std::move(roles), groups);
}

NameTable& NameTable::or_pack(std::string_view tensor, std::vector<std::string> roles, int groups) {
  rules_.push_back({.tensor = std::string(tensor), .roles = std::move(roles), .groups = groups});
  return *this;
}

NameTable& NameTable::pack_columns(std::string_view tensor, std::vector<std::string> roles) {
  pack(tensor, std::move(roles));
  rules_.back().columns = true;
  return *this;
}

NameTable& NameTable::pack_transposed(std::string_view tensor, std::vector<std::string> roles) {
  if (roles.size() == 1) drop(roles.front());
  pack(tensor, std::move(roles));
  rules_.back().transposed = true;
  return *this;
}

NameTable& NameTable::pack_column_blocks(std::string_view tensor, std::vector<std::string> roles,
                                         bool flat) {
  pack_columns(tensor, std::move(roles));
  rules_.back().halves = true;
  rules_.back().flat = flat;
  return *this;
}

NameTable& NameTable::name_flat(std::string_view role, std::string_view tensor) {
  name(role, tensor);
  rules_.back().flat = true;
  return *this;
}

NameTable& NameTable::or_sections(std::string_view role,
                                  std::vector<std::pair<std::string, int64_t>> sections,
                                  std::vector<int> axes) {
  or_name(role, sections.front().first, std::move(axes));
  rules_.back().sections = std::move(sections);
  return *this;
}

NameTable& NameTable::or_name(std::string_view role, std::string_view tensor,
                              std::vector<int> axes) {
  or_pack(tensor, {std::string(role)});
  rules_.back().axes = std::move(axes);
  return *this;
}

NameTable& NameTable::replace_prefix(std::string_view from, std::string_view to) {
  const auto replace = [&](std::string& text) {
    if (text.starts_with(from)) text.replace(0, from.size(), to);
  };
  for (TensorRule& rule : rules_) replace(rule.tensor);
  for (IgnoreRule& rule : ignored_) replace(rule.pattern);
  return *this;
}

NameTable& NameTable::or_prefix(std::string_view from, std::string_view to) {
  NameTable other;
  for (const TensorRule& rule : rules_) {
    if (rule.tensor.starts_with(from)) other.rules_.push_back(rule);
  }
  for (const IgnoreRule& rule : ignored_) {
    if (rule.pattern.starts_with(from)) other.ignored_.push_back(rule);
  }
  other.replace_prefix(from, to);
  rules_.insert(rules_.end(), other.rules_.begin(), other.rules_.end());
  ignored_.insert(ignored_.end(), other.ignored_.begin(), other.ignored_.end());
  return *this;
}

NameTable& NameTable::ignore(std::string_view pattern, std::string_view reason) {
  ignored_.push_back({std::string(pattern), std::string(reason)});
  return *this;
}

int64_t Placement::elements() const {
  return product(extents);
}

void Placement::for_runs(int64_t begin, int64_t count,
                         const std::function<void(int64_t, int64_t, int64_t, int64_t)>& run) const {
  // Trailing axes that are dense in one another make one long run.
  size_t axis = extents.size() - 1;
  int64_t length = extents[axis];
  while (axis > 0 && strides[axis - 1] == length * strides.back()) length *= extents[--axis];
  for (int64_t at = begin; at < begin + count;) {
    int64_t rest = at / length;
    int64_t from = offset + at % length * strides.back();
    for (size_t outer = axis; outer-- > 0;) {
      from += rest % extents[outer] * strides[outer];
      rest /= extents[outer];
    }
    const int64_t stretch = std::min(length - at % length, begin + count - at);
    run(at, stretch, from, strides.back());
    at += stretch;
  }
}

std::vector<FileTensor> lay_out(const std::vector<WeightDeclaration>& weights,
                                const NameTable& names,
                                const std::function<bool(const std::string&)>& exists) {
  return LayOut(weights, names, exists).take();
}

std::vector<std::string> outer_tensors(const WeightDeclaration& weight, const NameTable& names,
                                       const std::function<bool(const std::string&)>& exists) {
  const Match found = find_rule(weight, names, exists);
  std::vector<std::string> tensors = {tensor_name(found, weight.id.layer, 0)};
  if (!found.rule->sections.empty()) {
    tensors.push_back(replace(found.rule->sections.back().first, "{i}", weight.id.layer));
  }
  if (is_spread(found)) {
    tensors.push_back(tensor_name(found, weight.id.layer, weight.shape.front() - 1));
  }
  return tensors;
}

}  // namespace plumb::model
