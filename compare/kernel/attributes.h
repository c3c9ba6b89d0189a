// Attributes of ops as text: set by name, listed, checked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "compare/kernel/ports.h"

namespace plumb::kernel {

struct Attribute {
  std::string name;
  std::string type;   // "number", "integer", "boolean", "numbers", or the names of a choice
  std::string value;  // as it stands
};

// Of all of the op's ops, each name once; sizes, which follow from the shapes, are left out.
std::vector<Attribute> attributes_of(const KernelOp& op, const Kinds& kinds);

// Sets an attribute in every op that has it. Throws InputError naming the known ones, or what its
// value has to be.
void set_attribute(const KernelOp& op, Kinds& kinds, const std::string& name,
                   const std::string& value);

// Sets a size in every op that has an attribute of this name, and what follows from sizes where it
// was not set: the scale of attention head_dim^-0.5, of a delta rule's queries key_dim^-0.5, all
// dimensions of a head rotating.
void set_size(Kinds& kinds, std::string_view name, int64_t value);
void set_from_sizes(Kinds& kinds);
// Sets whether an op has an optional weight.
void set_presence(Kinds& kinds, std::string_view name, bool present);

// Throws InputError where an attribute has a value for which the op has no meaning, or one that it
// cannot do without is not set.
void check_attributes(const KernelOp& op, const Kinds& kinds);

// A whole number of an option's value. Throws InputError.
int64_t parse_whole(const std::string& name, const std::string& value, int64_t least, int64_t most);

}  // namespace plumb::kernel
