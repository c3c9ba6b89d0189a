// How many numbers of a 16-bit tensor an emulation of the contract gives to the bit.
//
// Roundings to nearest make two runs of one contract alike in nearly every number: what departs
// from it in a single rounding point shows here when it is far below the noise that the precision
// makes. Rows add up over prompts. docs/judgement.md, "Bits".
#pragma once

#include <vector>

#include "reference/matrix.h"

namespace plumb::measure {

class Bits {
 public:
  // `replicas` holds emulations one under another, at least one.
  void add(const reference::Matrix& value, const reference::Matrix& replicas);
  void add(const Bits& other);

  double differing() const;  // numbers
  // The share of numbers in which the value differs from the emulation nearest to it: where a
  // single sum rounds the other way, all that is made from it does.
  double mismatch() const;
  // Far more than emulations differ from each other, by this share of the numbers at least, and not
  // in one or two positions alone: a single sum that rounds the other way changes a whole position
  // after it.
  bool departs(double least) const;

 private:
  double columns_ = 0.0;
  std::vector<double> differing_;  // by row: numbers
  std::vector<double> own_;        // the same of that emulation which is farthest from all others
};

}  // namespace plumb::measure
