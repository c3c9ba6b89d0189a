// Thin ownership over HDF5's C handles. The library is not thread-safe: hold lock_hdf5() around
// every use.
#pragma once

#include <hdf5.h>

#include <mutex>
#include <utility>

namespace plumb::trace {

// Also silences HDF5's own printing of its error stack, and lets it load no plugins.
std::unique_lock<std::mutex> lock_hdf5();

class Handle {
 public:
  using Closer = herr_t (*)(hid_t);
  Handle(hid_t id, Closer closer) : id_(id), closer_(closer) {}
  ~Handle() {
    if (id_ >= 0) closer_(id_);
  }
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), closer_(other.closer_) {}
  Handle& operator=(Handle&&) = delete;

  bool valid() const { return id_ >= 0; }
  hid_t get() const { return id_; }

 private:
  hid_t id_;
  Closer closer_;
};

}  // namespace plumb::trace
