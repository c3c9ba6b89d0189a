// Running somebody's program under a time limit: what it starts ends with it.
#pragma once

#include <string>
#include <vector>

namespace plumb::base {

struct ProgramEnd {
  int exit_code = 0;       // where no signal ended it
  int signal = 0;          // that ended it; 0: none
  bool late = false;       // it took longer than allowed, and was ended
  std::string last_words;  // the last lines that it printed, joined by " | "
};

// Starts words[0], found as a shell finds it, in a process group of its own, with nothing on its
// standard input; what it prints is kept and not shown. When it ends, when the time is up, and on
// an interrupt (then throws Interrupted), every process that it has left is ended. Throws
// InputError naming `who` where it cannot be started.
ProgramEnd run_program(const std::vector<std::string>& words, double seconds,
                       const std::string& who);

// "was ended by signal 11 (Segmentation fault)", "ended with exit code 3".
std::string describe(const ProgramEnd& end);

}  // namespace plumb::base
