// What a study counts, and the tables that it prints.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compare/library/fault.h"

namespace plumb::studies {

// Planted faults of one class in one kind of recording.
struct Tally {
  int planted = 0;  // that change anything
  int killed = 0;   // FAILED
  int blind = 0;    // not killed, and the result says that it could not have been
  int blamed = 0;   // the first departure lies where the fault is
  int named = 0;
  int wrong = 0;     // another cause was named
  int same = 0;      // the verdict and the names are those from the first taps of the study
  int accepted = 0;  // one was, where the library did not know the fault

  void add(const Tally& other);
};

struct CleanTally {
  int runs = 0;
  int alarms = 0;  // FAILED
  int inconclusive = 0;
};

// One gate on the runs of one precision: planted faults by class, and those that it lets pass.
struct GateTally {
  std::map<library::FaultClass, int> planted;
  std::map<library::FaultClass, int> missed;
  CleanTally clean;

  void add(const GateTally& other);
};

struct Report {
  std::map<std::string, Tally> tallies;                            // "float32 coarse structural"
  std::map<std::string, CleanTally> clean;                         // "float32 coarse"
  std::map<std::pair<std::string, std::string>, GateTally> gates;  // dtype, gate
  std::vector<std::string> lines;  // of one model: what was not as it should be
  double slowest = 0.0;            // judgement, in seconds

  void add(const Report& other);  // but for its lines
};

std::string_view name_of(library::FaultClass severity);

// All tables; the column of names accepted without the fault's row where `holdout`.
void print(const Report& report, bool holdout);

// No false alarm, no structural mistake missed, no other one missed that the power certificate
// claims, hardly a wrong name.
bool meets_targets(const Report& report);

}  // namespace plumb::studies
