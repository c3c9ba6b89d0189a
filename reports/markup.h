// Writes XML, HTML and SVG that cannot come out unbalanced or unescaped.
//
// The output is well-formed XML whichever of the three it is, so one strict parser checks them all.
// Elements begin on a line of their own, except those that stand inside a line of text.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plumb::reports {

class Markup {
 public:
  using Attributes = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  // An element that stays open as long as this lives.
  class Scope {
   public:
    ~Scope() { markup_.close(); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    friend class Markup;
    explicit Scope(Markup& markup) : markup_(markup) {}
    Markup& markup_;
  };

  // An attribute whose value is empty is left out.
  [[nodiscard]] Scope open(std::string_view name, Attributes attributes = {});
  // A whole element around `text`.
  void put(std::string_view name, Attributes attributes, std::string_view text);
  void put(std::string_view name, std::string_view text) { put(name, {}, text); }
  // An element that holds nothing: <name ... />.
  void leaf(std::string_view name, Attributes attributes = {});

  // Escaped, and cleaned as clean() in text.h does.
  void text(std::string_view text);
  void newline() { output_ += '\n'; }
  // Markup written by this program itself, as it is.
  void raw(std::string_view markup) { output_ += markup; }

  // What was written. All elements must be closed.
  const std::string& str() const;

 private:
  struct OpenElement {
    std::string name;
    bool holds_block = false;
  };

  void start(std::string_view name, Attributes attributes);
  void close();

  std::string output_;
  std::vector<OpenElement> open_;
};

}  // namespace plumb::reports
