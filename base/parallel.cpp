#include "base/parallel.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <latch>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace plumb::base {
namespace {

using Piece = FunctionRef<void(size_t, size_t)>;

// How often a waiting thread looks before it sleeps: some tens of microseconds, about what waking
// it up would cost. Decoding one token meets at some hundred such places.
constexpr int kLooks = 1000;

// Looks until `holds` or the patience is over.
template <class Condition>
bool look(Condition&& holds) {
  for (int i = 0; i < kLooks; ++i) {
    if (holds()) return true;
    __builtin_ia32_pause();
  }
  return false;
}

}  // namespace

// One word says which job is open and which of its pieces is the next, so that a worker who comes
// late can neither hold a job up nor take a piece of a job that is over.
class Threads::Pool {
 public:
  // Returns when all workers are there: one that is still starting may hold a lock of the allocator
  // (AddressSanitizer's does), and a process forked then (rehearsal.h) would wait for it for ever.
  explicit Pool(size_t workers) : arrivals_(static_cast<ptrdiff_t>(workers)) {
    for (size_t i = 1; i <= workers; ++i) {
      threads_.emplace_back([this, i] {
        arrivals_.count_down();
        work(i);
      });
    }
    arrivals_.wait();
  }

  ~Pool() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void run(size_t pieces, const Piece& piece) {
    ensure_fits(pieces);
    const uint64_t job = (job_of(ticket_.load()) + 1) & kJobMask;
    ticket_.store(word(job, kClosed));  // from here on nobody can claim by the old count
    pieces_.store(pieces);
    done_.store(0);
    piece_ = &piece;
    ticket_.store(word(job, 0));
    if (sleepers_.load() > 0) {
      { const std::lock_guard lock(mutex_); }
      wake_.notify_all();
    }
    claim(0);
    await(pieces);
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  static constexpr uint64_t kClosed = 0xffffffff;
  static constexpr uint64_t kJobMask = 0xffffffff;
  static uint64_t word(uint64_t job, uint64_t next) { return job << 32 | next; }
  static uint64_t job_of(uint64_t ticket) { return ticket >> 32; }
  static uint64_t next_of(uint64_t ticket) { return ticket & 0xffffffff; }
  static void ensure_fits(size_t pieces) {
    if (pieces >= kClosed) throw std::length_error("a job has fewer than 2^32 pieces");
  }

  // Runs pieces of the open job until none is left.
  void claim(size_t worker) {
    uint64_t ticket = ticket_.load();
    while (true) {
      const size_t pieces = pieces_.load();
      if (next_of(ticket) >= pieces) return;  // kClosed among them
      // Fails, and loads the new word, when the job is another one by now.
      if (!ticket_.compare_exchange_weak(ticket, ticket + 1)) continue;
      try {
        (*piece_)(next_of(ticket), worker);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (!failure_) failure_ = std::current_exception();
      }
      if (done_.fetch_add(1) + 1 == pieces && worker != 0) {
        { const std::lock_guard lock(mutex_); }
        finished_.notify_one();
      }
      ticket = ticket_.load();
    }
  }

  void await(size_t pieces) {
    const auto all_done = [&] { return done_.load() == pieces; };
    if (look(all_done)) return;
    std::unique_lock lock(mutex_);
    finished_.wait(lock, all_done);
  }

  void work(size_t worker) {
    uint64_t seen = 0;
    const auto called = [&] {
      const uint64_t ticket = ticket_.load();
      return job_of(ticket) != seen && next_of(ticket) != kClosed;
    };
    while (true) {
      if (!look(called)) {
        std::unique_lock lock(mutex_);
        sleepers_.fetch_add(1);
        wake_.wait(lock, [&] { return stopping_ || called(); });
        sleepers_.fetch_sub(1);
        if (stopping_) return;
      }
      seen = job_of(ticket_.load());
      claim(worker);
    }
  }

  std::latch arrivals_;
  std::vector<std::thread> threads_;
  std::atomic<uint64_t> ticket_ = word(0, kClosed);
  std::atomic<size_t> pieces_ = 0;
  std::atomic<size_t> done_ = 0;
  const Piece* piece_ = nullptr;  // valid while a claimed piece is not done
  std::atomic<int> sleepers_ = 0;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable finished_;
  std::exception_ptr failure_;  // guarded by mutex_ until all pieces are done
  bool stopping_ = false;       // guarded by mutex_
};

Threads::Threads(int count)
    : count_(count > 0 ? count
                       : std::max(1, static_cast<int>(std::thread::hardware_concurrency()))) {
  if (count_ > 1) pool_ = std::make_unique<Pool>(static_cast<size_t>(count_ - 1));
}

Threads::~Threads() = default;

void Threads::for_each_on_worker(size_t pieces, FunctionRef<void(size_t, size_t)> piece) const {
  if (pool_ == nullptr || pieces <= 1) {
    for (size_t i = 0; i < pieces; ++i) piece(i, 0);
    return;
  }
  pool_->run(pieces, piece);
}

void Threads::for_each(size_t pieces, FunctionRef<void(size_t)> piece) const {
  for_each_on_worker(pieces, [&](size_t i, size_t) { piece(i); });
}

void Threads::for_ranges(size_t total, size_t grain, FunctionRef<void(size_t, size_t)> body) const {
  grain = std::max<size_t>(grain, 1);
  for_each((total + grain - 1) / grain,
           [&](size_t i) { body(i * grain, std::min(total, (i + 1) * grain)); });
}

}  // namespace plumb::base
