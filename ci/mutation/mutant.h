// Chooses the planted change that runs: the one whose number stands in PLUMB_MUTANT. With
// PLUMB_MUTANT_LOG set, the numbers of the places that were reached are written to that file.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>

inline void plumb_mutant_reached(const char* log, int id) {
  static std::atomic<bool> reached[4096];
  if (reached[id].exchange(true)) return;
  const int file = ::open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
  const std::string line = std::to_string(id) + "\n";
  if (::write(file, line.data(), line.size()) < 0) std::abort();
  ::close(file);
}

inline bool plumb_mutant(int id) {
  static const char* const chosen = std::getenv("PLUMB_MUTANT");
  static const int active = chosen == nullptr ? -1 : std::atoi(chosen);
  static const char* const log = std::getenv("PLUMB_MUTANT_LOG");
  if (log != nullptr) plumb_mutant_reached(log, id);
  return id == active;
}
