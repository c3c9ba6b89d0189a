#include "base/parallel.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace plumb::base {

struct Threads::Pool {
  explicit Pool(int workers) {
    for (int i = 0; i < workers; ++i) {
      threads.emplace_back([this] { work(); });
    }
  }

  ~Pool() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    wake.notify_all();
    for (std::thread& thread : threads) thread.join();
  }

  void run(size_t count, const std::function<void(size_t)>& function) {
    {
      const std::lock_guard lock(mutex);
      piece = &function;
      pieces = count;
      next.store(0, std::memory_order_relaxed);
      busy = static_cast<int>(threads.size());
      failure = nullptr;
      ++generation;
    }
    wake.notify_all();
    claim();
    std::unique_lock lock(mutex);
    finished.wait(lock, [this] { return busy == 0; });
    if (failure) std::rethrow_exception(failure);
  }

  void claim() {
    for (size_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < pieces;) {
      try {
        (*piece)(i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
      }
    }
  }

  void work() {
    uint64_t seen = 0;
    std::unique_lock lock(mutex);
    while (true) {
      wake.wait(lock, [&] { return stopping || generation != seen; });
      if (stopping) return;
      seen = generation;
      lock.unlock();
      claim();
      lock.lock();
      if (--busy == 0) finished.notify_one();
    }
  }

  std::vector<std::thread> threads;
  std::mutex mutex;
  std::condition_variable wake;
  std::condition_variable finished;
  const std::function<void(size_t)>* piece = nullptr;
  size_t pieces = 0;
  std::atomic<size_t> next = 0;
  int busy = 0;
  uint64_t generation = 0;
  bool stopping = false;
  std::exception_ptr failure;
};

Threads::Threads(int count)
    : count_(count > 0 ? count : std::max(1, static_cast<int>(std::thread::hardware_concurrency()))) {
  if (count_ > 1) pool_ = std::make_unique<Pool>(count_ - 1);
}

Threads::~Threads() = default;

void Threads::for_each(size_t pieces, const std::function<void(size_t)>& piece) const {
  if (pool_ == nullptr || pieces <= 1) {
    for (size_t i = 0; i < pieces; ++i) piece(i);
    return;
  }
  pool_->run(pieces, piece);
}

void Threads::for_ranges(size_t total, size_t grain,
                         const std::function<void(size_t, size_t)>& body) const {
  grain = std::max<size_t>(grain, 1);
  for_each((total + grain - 1) / grain, [&](size_t i) {
    body(i * grain, std::min(total, (i + 1) * grain));
  });
}

}  // namespace plumb::base
