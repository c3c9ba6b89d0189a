// The thresholds of the verdict, each with its evidence. Nothing else in the project holds one.
//
// A gate is asked as "not within", so that a NaN never passes. There is no knob: a candidate is
// held to what its declared precision makes by itself, times a margin for orders of summation.
// Evidence: docs/judgement.md.
#pragma once

#include <limits>
#include <string>
#include <string_view>

#include "base/dtype.h"
#include "compare/measure/statistics.h"

namespace plumb::measure {

struct GateLimits {
  double whitened;
  double row;
  double column;
  double element;
  double peak = std::numeric_limits<double>::infinity();
};

// Limits for a tensor with this floor from an engine that stores in `storage`. Few numbers average
// less well: the limits widen where there are few, or where few roundings make most of the noise.
// Local: one op or segment, on the candidate's own inputs. Global: against the whole forward.
GateLimits local_limits(base::DType storage, const Floor& floor);
GateLimits global_limits(base::DType storage, const Floor& floor);
// The same for logits, whose single elements are held to their position's others besides.
GateLimits logit_limits(base::DType storage, const Floor& floor);

// The reference against an oracle in pure float64: relative to the tensor's largest value.
inline constexpr double kOracleLimit = 1e-12;

// A token that is not the truth's best is a tie when it trails by at most this many standard
// deviations of the noise of a difference of two logits.
inline constexpr double kTieDeviations = 4.0;

// More tokens that are not the truth's best than the precision accounts for: less likely than this.
inline constexpr double kTooManyTies = 1e-6;

// Independent emulations that a floor is measured on; and those on which a failure must be
// confirmed. Where one rounding makes most of a position's noise, a floor from few replicas can by
// chance be much too small (a ratio of two normal deviates has heavy tails) and hardly too large.
inline constexpr int kReplicas = 8;
inline constexpr int kConfirmingReplicas = 32;
// Large tensors average over their own elements: fewer replicas sample as much, and cost as much.
int replicas_for(int replicas, size_t tokens, size_t width);
// A departure of so many floors needs no confirmation.
inline constexpr double kBeyondDoubt = 20.0;
// One of so few may be the tail of the noise, of which 32 replicas show little.
inline constexpr double kByLittle = 3.0;
inline constexpr int kManyReplicas = 256;

// A mistake whose share in the difference is so many standard deviations from none: it was made; or
// it may have been.
inline constexpr double kSureMatch = 5.0;
inline constexpr double kDoubtfulMatch = 4.0;
// Its share is one, within so many standard deviations.
inline constexpr double kWholeMatch = 3.0;

// Numbers of 16 bits that differ from an emulation of the contract: this many times as many as from
// emulation to emulation, and this share of all, without the few positions in which a single sum
// rounded the other way. Where positions mix, one key that rounds the other way reaches them all,
// and one in a hundred emulations may have it. With more than half of the numbers different, a
// candidate has another contract.
inline constexpr double kBitRatio = 2.5;
inline constexpr double kLeastMismatch = 0.004;
inline constexpr double kLeastMixedMismatch = 0.25;
// With less than this many different, such a tap is like the emulations all the same.
inline constexpr double kMostMixedChance = 0.05;
inline constexpr size_t kChanceRows = 2;
inline constexpr double kMostMismatch = 0.5;
// A mistake is named by its bits where its emulation leaves at most this share of the numbers
// different, and this share of what no mistake and any other leaves.
inline constexpr double kNamedMismatch = 0.3;
inline constexpr double kNamedShare = 0.4;
// At a tap that departs in every layer a mistake must leave less: another way of rounding there is
// no mistake, and would be called by the name of what it resembles.
inline constexpr double kAlikeMismatch = 0.05;

// Where products round their operands to codes, on the candidate's own operands: the usual channel
// is so near to the emulations, in floors, that a single one may be judged by them; it departs by
// so much, and by this many times what is usual. Of fewer positions the middle one tells little.
inline constexpr double kSharp = 0.01;
inline constexpr double kLeastDeparture = 0.02;
inline constexpr double kDeparture = 50.0;
inline constexpr size_t kLeastPositions = 5;
inline constexpr double kLeastOfChannel = 0.1;

// When a cause is named (docs/judgement.md, "Diagnosis"): what it leaves unexplained, in floors,
// and as a share of the whole difference.
struct CauseLimits {
  double residual;
  double share;
  double correlation;
  double beta_error;
};
// From the logits alone, or from one segment on the candidate's own inputs.
CauseLimits cause_limits(base::DType storage, bool segment);
// A cause that comes with noise of its own: the candidate lies among emulations that contain it.
inline constexpr double kTwoSampleLimit = 1.25;
inline constexpr double kTwoSampleLikeness = 0.15;  // less alike than these are to one another
inline constexpr double kLeastCoherence = 0.7;
// A contract accounts for an error that is at least so large a part of what it makes by itself; and
// emulations of it that agree by so much have a direction, which the candidate must have to within
// this share of their own agreement. Their own scatter may differ more than that of a named cause:
// the gates of the contract judge besides.
inline constexpr double kLeastContractSize = 0.5;
inline constexpr double kLeastDirection = 0.3;
inline constexpr double kDirectionSlack = 0.25;
inline constexpr double kContractSampleLimit = 2.0;
// A rounding is named as such where its direction fits although its single roundings do not.
inline constexpr double kRoundingCorrelation = 0.95;
// Of its direction at most positions, too.
inline constexpr double kMiddleCorrelation = 0.9;
// Another cause must be worse by this factor.
inline constexpr double kNextBest = 1.1;
// A cause that goes this far without closing may be one of two at once.
inline constexpr double kPairCorrelation = 0.9;
// Of the logits: their noise is a random vector through the head, and has no tails. An element that
// stands out so far among those of its own position was touched by itself, however loud the
// position is.
inline constexpr double kLogitPeakLimit = 12.0;

inline bool within(double value, double limit) {
  return value <= limit;
}

bool within(const Ratios& ratios, const GateLimits& limits);

// Of a tensor's ratios the one nearest to its limit, or furthest beyond it.
struct Nearest {
  std::string_view statistic;  // "tensor", "position", "channel", "element", "peak"
  double value = 0.0;
  double limit = 0.0;
};
Nearest nearest_limit(const Ratios& ratios, const GateLimits& limits);

// The gate that was exceeded most, in words: "position 12 is 8.1 times the floor (limit 4.5)".
std::string describe_excess(const Ratios& ratios, const GateLimits& limits, size_t columns);

}  // namespace plumb::measure
