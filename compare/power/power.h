// What a pass is worth: which mistakes would have shown in what was recorded.
#pragma once

#include <string>
#include <vector>

#include "base/function_ref.h"
#include "compare/diagnose/trial.h"
#include "result/result.h"

namespace plumb::power {

using diagnose::Scene;
using diagnose::Trials;
using evidence::Truth;
using library::Fault;
using result::Power;

enum class Sight { kNothing, kHidden, kSeen };

struct Sighting {
  Sight sight = Sight::kNothing;
  double shift = 0.0;  // RMS over the floor, at the tap that shows it most
  trace::Tap tap;
};

// Looks at what mistakes would have made of the recorded taps.
class Witness {
 public:
  Witness(Truth& truth, const std::vector<Scene>& scenes) : trials_(truth, scenes) {}

  Sight look(const Fault& fault) const;        // until it is seen
  Sighting measure(const Fault& fault) const;  // at every tap

 private:
  Sighting observe(const Fault& fault, bool first) const;

  Trials trials_;
};

struct Coverage {
  Power power;
  std::vector<std::string> unseen;  // structural mistakes, as a person says them
};

// Is it one of those that a pass is held against?
bool is_weighed(const Fault& fault);

// A structural mistake is covered where it would exceed a gate in some layer or in all that can
// have it, a subtle one where it would in each alone; what is not is named in `blind_to`. A mistake
// that only longer prompts could show (a window, a scaling of positions) does not apply to shorter
// ones. On a large model it takes minutes.
bool can_afford_power(Truth& truth, const std::vector<Scene>& scenes);

// The causes of `impossible` are left out.
Coverage measure_coverage(Truth& truth, const std::vector<Scene>& scenes,
                          const std::vector<std::string>& impossible = {});

// The same by what `look` sees of a mistake; `alone`: at the end of the forward, with nothing
// recorded on the way.
Coverage cover(const graph::Graph& graph, bool alone, base::FunctionRef<Sight(const Fault&)> look,
               const std::vector<std::string>& impossible = {});

}  // namespace plumb::power
