// How reports write what they are given: texts made safe to show, numbers short enough to read.
//
// Nothing here depends on the locale: the same value gives the same bytes anywhere.
#pragma once

#include <string>
#include <string_view>

namespace plumb::reports {

// One line of valid UTF-8: line breaks and tabs become spaces, other control characters are
// dropped, and what is no UTF-8 becomes U+FFFD. Names of cases, files and taps come from outside.
std::string clean(std::string_view text);

// clean(), with Markdown's and HTML's special characters disarmed; fits into a table cell.
std::string escape_markdown(std::string_view text);

// What stands for a number that is unknown or beyond all bounds, and for the sign: browsers break
// lines at a hyphen, never at a minus.
struct NumberWords {
  std::string_view unknown = "–";
  std::string_view infinite = "∞";
  std::string_view minus = "−";
};
inline constexpr NumberWords kAsciiWords{.unknown = "-", .infinite = "inf", .minus = "-"};

// Three significant digits near 1 ("0.950", "37.2"), two in scientific notation ("1.1e-5").
std::string number_text(double value, const NumberWords& words = {});

// "0.950×", as ratios to the floor are told.
std::string times_text(double ratio);

// 1 - cosine: a cosine itself would read 1.00 in every row.
std::string one_minus_text(double cosine);

// 0.99981 as "99.98 %".
std::string percent_text(double share);

// "1 case", "2 cases".
std::string count_text(int count, std::string_view singular);

}  // namespace plumb::reports
