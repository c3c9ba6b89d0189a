#include "candidates/server/http.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <memory>

#include "base/errors.h"
#include "base/interrupts.h"

namespace plumb::candidates {
namespace {

using base::InputError;
using Clock = Http::Clock;

constexpr int kTries = 5;
constexpr std::chrono::milliseconds kFirstPause{250};  // doubled with each try
constexpr long kConnectSeconds = 20;
constexpr int kLookMilliseconds = 50;
// libcurl's clock may be ahead of ours by so much.
constexpr std::chrono::milliseconds kClocks{500};

bool is_worth_another_try(long status) {
  return status == 429 || (status >= 500 && status < 600);
}

bool is_here(const std::string& address) {
  const size_t host = address.find("://") + 3;
  const std::string rest = address.substr(host);
  return rest.starts_with("localhost") || rest.starts_with("127.") || rest.starts_with("[::1]");
}

// One question on its way.
class Transfer {
 public:
  Transfer(size_t index, const HttpQuestion& question, const std::string& address,
           const std::string& key, Clock::time_point deadline)
      : index_(index), easy_(curl_easy_init()) {
    base::ensure(easy_ != nullptr, "libcurl can be set up");
    set(CURLOPT_URL, (address + question.path).c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_ACCEPT_ENCODING, "");
    set(CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    set(CURLOPT_TIMEOUT_MS, std::max<long>(1, static_cast<long>(left)));
    if (is_here(address)) set(CURLOPT_PROXY, "");
    set(CURLOPT_WRITEFUNCTION, &Transfer::take);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_ERRORBUFFER, error_);
    if (!question.body.empty()) {
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(question.body.size()));
      set(CURLOPT_POSTFIELDS, question.body.c_str());
      add_header("Content-Type: application/json");
      add_header("Expect:");
    }
    if (!key.empty()) add_header("Authorization: Bearer " + key);
    set(CURLOPT_HTTPHEADER, headers_);
  }
  ~Transfer() {
    curl_easy_cleanup(easy_);
    curl_slist_free_all(headers_);
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  size_t index() const { return index_; }
  CURL* easy() const { return easy_; }
  bool too_long() const { return too_long_; }

  HttpReply reply() {
    HttpReply reply{.body = std::move(body_)};
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &reply.status);
    return reply;
  }
  std::string redirect() const {
    char* target = nullptr;
    curl_easy_getinfo(easy_, CURLINFO_REDIRECT_URL, &target);
    return target == nullptr ? "" : target;
  }
  std::string describe(CURLcode code) const {
    return error_[0] != '\0' ? error_ : curl_easy_strerror(code);
  }

 private:
  template <class T>
  void set(CURLoption option, T value) {
    base::ensure(curl_easy_setopt(easy_, option, value) == CURLE_OK, "libcurl knows the option");
  }
  void add_header(const std::string& line) { headers_ = curl_slist_append(headers_, line.c_str()); }

  static size_t take(const char* data, size_t size, size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    transfer.too_long_ = transfer.body_.size() + size * count > Http::kMostBytes;
    if (transfer.too_long_) return 0;
    transfer.body_.append(data, size * count);
    return size * count;
  }

  size_t index_;
  CURL* easy_;
  curl_slist* headers_ = nullptr;
  std::string body_;
  bool too_long_ = false;
  char error_[CURL_ERROR_SIZE] = {};
};

// All questions of one call.
class Exchange {
 public:
  Exchange(const std::string& address, const std::string& key, Clock::time_point deadline,
           const std::vector<HttpQuestion>& questions, size_t concurrency)
      : address_(address),
        key_(key),
        deadline_(deadline),
        questions_(questions),
        concurrency_(std::max<size_t>(1, concurrency)),
        replies_(questions.size()),
        multi_(curl_multi_init()) {
    for (size_t i = 0; i < questions.size(); ++i) waiting_.push_back({i, 0, Clock::now()});
  }
  ~Exchange() {
    for (const auto& transfer : running_) curl_multi_remove_handle(multi_, transfer->easy());
    running_.clear();
    curl_multi_cleanup(multi_);
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  std::vector<HttpReply> run() {
    while (!waiting_.empty() || !running_.empty()) {
      watch_.check();
      if (Clock::now() >= deadline_) fail_late();
      start_due();
      int running = 0;
      curl_multi_perform(multi_, &running);
      collect();
      if (!waiting_.empty() || !running_.empty()) {
        curl_multi_poll(multi_, nullptr, 0, kLookMilliseconds, nullptr);
      }
    }
    return std::move(replies_);
  }

 private:
  struct Waiting {
    size_t index;
    int tries;
    Clock::time_point due;
  };

  void start_due() {
    const auto now = Clock::now();
    for (auto next = waiting_.begin(); next != waiting_.end() && running_.size() < concurrency_;) {
      if (next->due > now) {
        ++next;
        continue;
      }
      running_.push_back(std::make_unique<Transfer>(next->index, questions_[next->index], address_,
                                                    key_, deadline_));
      tries_.resize(questions_.size());
      tries_[next->index] = next->tries + 1;
      curl_multi_add_handle(multi_, running_.back()->easy());
      next = waiting_.erase(next);
    }
  }

  void collect() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      const auto found = std::ranges::find_if(
          running_, [&](const auto& transfer) { return transfer->easy() == message->easy_handle; });
      curl_multi_remove_handle(multi_, message->easy_handle);
      const std::unique_ptr<Transfer> transfer = std::move(*found);
      running_.erase(found);
      finish(*transfer, code);
    }
  }

  void finish(Transfer& transfer, CURLcode code) {
    const std::string where = address_ + questions_[transfer.index()].path;
    if (transfer.too_long()) {
      throw InputError(where, "",
                       fmt::format("answers with more than {} MiB", Http::kMostBytes >> 20),
                       "ask for fewer tokens with --top-logprobs");
    }
    if (code == CURLE_OPERATION_TIMEDOUT && Clock::now() + kClocks >= deadline_) fail_late();
    if (code != CURLE_OK) {
      throw InputError(where, "", "gives no whole answer: " + transfer.describe(code),
                       "see that the server runs there and can be reached");
    }
    const std::string redirect = transfer.redirect();
    HttpReply reply = transfer.reply();
    if (!redirect.empty()) {
      throw InputError(where, "", "redirects to " + redirect,
                       "name the address that answers itself");
    }
    const int tries = tries_[transfer.index()];
    if (is_worth_another_try(reply.status)) {
      if (tries < kTries) {
        waiting_.push_back({transfer.index(), tries, Clock::now() + kFirstPause * (1 << tries)});
        return;
      }
      throw InputError(where, "",
                       fmt::format("answers with status {} each of {} times: {}", reply.status,
                                   tries, base::one_line(reply.body, 120)),
                       "try again when it is less busy, or with a smaller --concurrency");
    }
    replies_[transfer.index()] = std::move(reply);
  }

  [[noreturn]] void fail_late() const {
    throw InputError(address_, "", "has not answered in time",
                     "give it more with --timeout, or see what keeps it");
  }

  const std::string& address_;
  const std::string& key_;
  Clock::time_point deadline_;
  const std::vector<HttpQuestion>& questions_;
  size_t concurrency_;
  std::vector<HttpReply> replies_;
  base::InterruptWatch watch_;
  CURLM* multi_;
  std::deque<Waiting> waiting_;
  std::vector<std::unique_ptr<Transfer>> running_;
  std::vector<int> tries_;
};

}  // namespace

Http::Http(std::string address, std::string key, Clock::time_point deadline)
    : address_(std::move(address)), key_(std::move(key)), deadline_(deadline) {
  static const CURLcode prepared = curl_global_init(CURL_GLOBAL_DEFAULT);
  base::ensure(prepared == CURLE_OK, "libcurl can be set up");
  CURLU* const url = curl_url();
  const bool valid = curl_url_set(url, CURLUPART_URL, address_.c_str(), 0) == CURLUE_OK;
  char* user = nullptr;
  const bool has_user = curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK;
  curl_free(user);
  curl_url_cleanup(url);
  if (!valid) {
    throw InputError("--candidate", address_, "is no address", "write http://HOST:PORT[/PATH]");
  }
  if (has_user) {
    throw InputError("--candidate", "http", "has a name or password in its address",
                     "give a key in PLUMB_API_KEY: addresses are shown");
  }
}

std::vector<HttpReply> Http::ask(const std::vector<HttpQuestion>& questions,
                                 size_t concurrency) const {
  return Exchange(address_, key_, deadline_, questions, concurrency).run();
}

}  // namespace plumb::candidates
