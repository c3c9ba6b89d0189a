// Asking a server over HTTP, several questions at a time.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace plumb::candidates {

struct HttpQuestion {
  std::string path;  // below the server's address
  std::string body;  // JSON to POST; empty: GET
};

struct HttpReply {
  long status = 0;
  std::string body;

  bool ok() const { return status >= 200 && status < 300; }
};

class Http {
 public:
  using Clock = std::chrono::steady_clock;

  // `key` is sent as a bearer's and never shown. Throws InputError where `address` is none.
  Http(std::string address, std::string key, Clock::time_point deadline);

  const std::string& address() const { return address_; }

  // The replies in the order of the questions, at most `concurrency` under way at a time. Answers
  // of 429 and 5xx are asked again a few times, later each time. Throws InputError naming the
  // address where there is no answer, one that is cut off, a redirect, more than kMostBytes, or the
  // deadline has passed; and Interrupted. Certificates are verified.
  std::vector<HttpReply> ask(const std::vector<HttpQuestion>& questions, size_t concurrency) const;
  HttpReply ask(const HttpQuestion& question) const {
    return ask(std::vector{question}, 1).front();
  }

  static constexpr size_t kMostBytes = size_t{256} << 20;

 private:
  std::string address_;
  std::string key_;
  Clock::time_point deadline_;
};

}  // namespace plumb::candidates
