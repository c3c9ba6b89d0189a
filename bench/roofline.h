// What the machine can do at this moment: the roofs that speeds are given as shares of. In
// processor time, as if no neighbour were there.
#pragma once

#include "base/parallel.h"

namespace plumb::bench {

// Processor seconds of this process so far, a thread.
double busy_seconds(const base::Threads& threads);

// OpenBLAS's rate with one single-threaded product a thread, at the same time; 10^9 flops a second.
double sgemm_peak(const base::Threads& threads);
double dgemm_peak(const base::Threads& threads);

// Reading memory that no cache holds, all threads at once; 10^9 bytes a second.
double read_bandwidth(const base::Threads& threads);

}  // namespace plumb::bench
