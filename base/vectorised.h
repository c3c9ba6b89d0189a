// PLUMB_VECTORISED, before a function of plain loops: the compiler vectorises it once for each
// length of vectors, and the loader chooses. With -ffp-contract=off the bits are the same on any
// machine.
#pragma once

// A sanitizer is not there yet when the loader chooses among the clones.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PLUMB_VECTORISED
#else
#define PLUMB_VECTORISED \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif
