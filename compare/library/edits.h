// What rows of faults are written with.
#pragma once

#include "compare/library/fault.h"

namespace plumb::library {

// The right op's attributes, where it is of this kind; null elsewhere.
template <class Kind>
const Kind* right(const Mutation& mutation, size_t op) {
  return std::get_if<Kind>(&mutation.original(op).kind);
}

// The same, to change.
template <class Kind>
Kind& changed(Mutation& mutation, size_t op) {
  return std::get<Kind>(mutation.op(op).kind);
}

inline bool has_tap(const Mutation& mutation, graph::ValueId id, trace::TapId tap) {
  for (const trace::Tap& known : mutation.graph().value(id).taps) {
    if (known.id == tap) return true;
  }
  return false;
}

// Does the op make this tap?
inline bool makes(const Mutation& mutation, size_t op, trace::TapId tap) {
  return has_tap(mutation, mutation.original(op).outputs.front(), tap);
}

// Sets an attribute; false where it has that value already.
template <class Kind, class Value>
bool set(Mutation& mutation, size_t op, Value Kind::*field, Value value) {
  const Kind* kind = right<Kind>(mutation, op);
  if (kind == nullptr || kind->*field == value) return false;
  changed<Kind>(mutation, op).*field = value;
  return true;
}

}  // namespace plumb::library
