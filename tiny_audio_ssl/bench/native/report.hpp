// Statistics, and one line of JSON.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

// Linear between the two nearest ranks, as numpy.percentile; `sorted` must not be empty.
inline double percentile(const std::vector<double>& sorted, double percent) {
  const double rank = percent / 100 * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(rank);
  const auto above = below + 1 < sorted.size() ? below + 1 : below;
  return sorted[below] + (rank - std::floor(rank)) * (sorted[above] - sorted[below]);
}

// FNV-1a, 64 bits.
inline std::string checksum(const void* data, std::size_t bytes) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const auto* byte = static_cast<const unsigned char*>(data); bytes-- > 0; ++byte) {
    hash = (hash ^ *byte) * 0x100000001b3u;
  }
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

class JsonLine {
 public:
  void add(const char* key, const std::string& value) { put(key, quoted(value)); }
  void add(const char* key, const char* value) { put(key, quoted(value)); }
  void add(const char* key, bool value) { put(key, value ? "true" : "false"); }
  void add(const char* key, double value) { put(key, written(value)); }
  void add(const char* key, long value) { put(key, std::to_string(value)); }
  void add_null(const char* key) { put(key, "null"); }

  template <class Number>
  void add(const char* key, const std::vector<Number>& values) {
    std::string list;
    for (const Number value : values) list += (list.empty() ? "" : ",") + written(value);
    put(key, "[" + list + "]");
  }

  std::string text() const { return "{" + fields_ + "}\n"; }

 private:
  void put(const char* key, const std::string& value) {
    fields_ += (fields_.empty() ? "" : ",") + quoted(key) + ":" + value;
  }

  static std::string written(double value) {
    if (!std::isfinite(value)) return "null";  // JSON has no NaN
    char text[32];
    std::snprintf(text, sizeof text, "%.9g", value);  // nine digits restore a float32 exactly
    return text;
  }

  static std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
    return out + '"';
  }

  std::string fields_;
};
