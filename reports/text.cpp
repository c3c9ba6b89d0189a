#include "reports/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/json.h"

namespace plumb::reports {
namespace {

using base::Json;

bool is_printable_ascii(char c) {
  return c >= ' ' && c <= '~';
}
bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// The JSON library knows what UTF-8 is: it writes U+FFFD for what is none.
std::string valid_utf8(std::string_view text) {
  const std::string json = Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
  return Json::parse(json).get<std::string>();
}

// Length of the control character or noncharacter at the front, 0 when there is none. XML allows
// neither C0 controls nor U+FFFE and U+FFFF; terminals obey C0 and C1 controls.
size_t unwanted_length(std::string_view text) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  if (byte(0) < 0x20 || byte(0) == 0x7f) return 1;
  if (byte(0) == 0xc2 && byte(1) >= 0x80 && byte(1) <= 0x9f) return 2;
  if (byte(0) == 0xef && byte(1) == 0xbf && byte(2) >= 0xbe) return 3;
  return 0;
}

}  // namespace

std::string clean(std::string_view text) {
  if (std::all_of(text.begin(), text.end(), is_printable_ascii)) return std::string(text);
  const std::string valid = valid_utf8(text);
  std::string line;
  for (size_t i = 0; i < valid.size();) {
    const size_t unwanted = unwanted_length(std::string_view(valid).substr(i));
    if (unwanted == 0) {
      line += valid[i++];
      continue;
    }
    if (valid[i] == '\n' || valid[i] == '\t' || valid[i] == '\r') line += ' ';
    i += unwanted;
  }
  return line;
}

std::string escape_markdown(std::string_view text) {
  constexpr std::string_view kSpecial = "\\`*[]<>|~&#!$";
  const std::string line = clean(text);
  std::string escaped;
  for (size_t i = 0; i < line.size(); ++i) {
    // Inside a word an underscore means nothing, and names of taps are full of them.
    const bool outer_underscore =
        line[i] == '_' && (i == 0 || i + 1 == line.size() || !is_alphanumeric(line[i - 1]) ||
                           !is_alphanumeric(line[i + 1]));
    if (outer_underscore || kSpecial.find(line[i]) != std::string_view::npos) escaped += '\\';
    escaped += line[i];
  }
  return escaped;
}

std::string number_text(double value, const NumberWords& words) {
  if (std::isnan(value)) return std::string(words.unknown);
  const std::string sign(value < 0 ? words.minus : "");
  if (std::isinf(value)) return sign + std::string(words.infinite);
  if (value == 0) return "0";
  // Rounding to three digits first: 999.7 is 1000, not 999.7 with one digit too many.
  const std::string three = fmt::format("{:.2e}", std::abs(value));
  const int exponent = std::stoi(three.substr(three.find('e') + 1));
  if (exponent >= -3 && exponent <= 3) {
    return sign + fmt::format("{:.{}f}", std::abs(value), std::max(0, 2 - exponent));
  }
  const std::string two = fmt::format("{:.1e}", std::abs(value));
  const size_t e = two.find('e');
  const int power = std::stoi(two.substr(e + 1));
  return fmt::format("{}{}e{}{}", sign, two.substr(0, e), power < 0 ? words.minus : "",
                     std::abs(power));
}

std::string times_text(double ratio) {
  return std::isnan(ratio) ? number_text(ratio) : number_text(ratio) + "×";
}

std::string one_minus_text(double cosine) {
  return number_text(1.0 - cosine);
}

std::string percent_text(double share) {
  return std::isfinite(share) ? fmt::format("{:.2f} %", 100.0 * share) : number_text(share);
}

std::string count_text(int count, std::string_view singular) {
  return fmt::format("{} {}{}", count, singular, count == 1 ? "" : "s");
}

}  // namespace plumb::reports
