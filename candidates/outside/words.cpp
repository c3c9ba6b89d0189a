#include "candidates/outside/words.h"

#include "base/errors.h"

namespace plumb::candidates {
namespace {

constexpr std::string_view kBlanks = " \t\n";

class Splitter {
 public:
  Splitter(std::string_view command, const std::string& who) : rest_(command), who_(who) {}

  std::vector<std::string> split() {
    while (!rest_.empty()) {
      const char c = take();
      if (kBlanks.find(c) != std::string_view::npos) {
        end_word();
      } else {
        inside_ = true;
        add(c);
      }
    }
    end_word();
    if (words_.empty() || words_.front().empty()) fail("names no program");
    return std::move(words_);
  }

 private:
  void add(char c) {
    if (c == '\'') {
      while ((c = take_inside('\'')) != '\'') word_ += c;
    } else if (c == '"') {
      add_quoted();
    } else if (c == '\\') {
      if (rest_.empty()) fail("ends with a backslash");
      word_ += take();
    } else {
      word_ += c;
    }
  }

  void add_quoted() {
    constexpr std::string_view kEscaped = "\"\\$`";
    for (char c = take_inside('"'); c != '"'; c = take_inside('"')) {
      const bool escapes =
          c == '\\' && !rest_.empty() && kEscaped.find(rest_.front()) != std::string_view::npos;
      word_ += escapes ? take() : c;
    }
  }

  char take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  char take_inside(char quote) {
    if (rest_.empty()) fail(std::string("has a ") + quote + " that does not end");
    return take();
  }

  void end_word() {
    if (inside_) words_.push_back(std::move(word_));
    word_.clear();
    inside_ = false;
  }

  [[noreturn]] void fail(const std::string& problem) const {
    throw base::InputError(who_, "", problem, "write the command as for a shell");
  }

  std::string_view rest_;
  const std::string& who_;
  std::vector<std::string> words_;
  std::string word_;
  bool inside_ = false;
};

}  // namespace

std::vector<std::string> split_words(std::string_view command, const std::string& who) {
  return Splitter(command, who).split();
}

}  // namespace plumb::candidates
