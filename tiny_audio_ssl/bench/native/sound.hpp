// The input: samples from a raw file, or noise that is the same on every machine.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "options.hpp"

class Sound {
 public:
  // `path`: raw little-endian float32 samples; empty: one second of noise.
  explicit Sound(const std::string& path) : samples_(path.empty() ? noise() : read(path)) {}

  std::size_t size() const { return samples_.size(); }

  // Continues where the last call ended, and starts over at the end.
  void fill(std::vector<float>& into) {
    for (float& sample : into) {
      sample = samples_[next_];
      next_ = (next_ + 1) % samples_.size();
    }
  }

 private:
  // Uniform at a tenth of full scale; the generator is from Numerical Recipes, 2nd edition.
  static std::vector<float> noise() {
    std::vector<float> samples(16000);
    std::uint32_t state = 1;
    for (float& sample : samples) {
      state = state * 1664525u + 1013904223u;
      sample = 0.1f * (static_cast<float>(state >> 8) / 8388608.0f - 1.0f);
    }
    return samples;
  }

  static std::vector<float> read(const std::string& path) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    if (!file) throw UsageError(path + ": cannot be read");
    const auto bytes = static_cast<std::size_t>(file.tellg());
    if (bytes == 0 || bytes % sizeof(float) != 0) {
      throw UsageError(path + ": expected raw float32 samples, 4 bytes each");
    }
    std::vector<float> samples(bytes / sizeof(float));
    file.seekg(0);
    file.read(reinterpret_cast<char*>(samples.data()), static_cast<std::streamsize>(bytes));
    if (!file) throw UsageError(path + ": cannot be read");
    return samples;
  }

  std::vector<float> samples_;
  std::size_t next_ = 0;
};
