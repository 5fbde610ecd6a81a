// The processor, the cores to stay on, and the peak memory. Linux and Android.
#pragma once

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "options.hpp"

#if defined(__aarch64__)
inline constexpr const char* kAbi = "arm64-v8a";  // Android's names
#elif defined(__x86_64__)
inline constexpr const char* kAbi = "x86_64";
#else
#error "only 64-bit ARM and x86 are supported"
#endif

// The cores that the kernel lets us use.
inline std::vector<int> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

// Keeps the process on some cores; threads created later inherit this.
inline void stay_on(const std::vector<int>& cpus) {
  if (cpus.empty()) return;
  const std::vector<int> before = allowed_cpus();
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) {  // the kernel would silently ignore cores it does not have
    if (std::find(before.begin(), before.end(), cpu) == before.end()) {
      throw UsageError("--cpus " + std::to_string(cpu) + ": no such core, or not allowed for this process");
    }
    CPU_SET(cpu, &set);
  }
  if (sched_setaffinity(0, sizeof set, &set) != 0) {
    throw UsageError(std::string("--cpus: ") + std::strerror(errno));
  }
}

// x86 has "model name". ARM names the design of each core by numbers, and a phone has several.
inline std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  std::vector<std::string> cores;
  std::string implementer;
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(": ");
    if (colon == std::string::npos) continue;
    const std::string key = line.substr(0, line.find_last_not_of(" \t", colon - 1) + 1);
    const std::string value = line.substr(colon + 2);
    if (key == "model name") return value;
    if (key == "CPU implementer") implementer = value;
    if (key != "CPU part") continue;
    const std::string core = "ARM " + implementer + "/" + value;
    if (std::find(cores.begin(), cores.end(), core) == cores.end()) cores.push_back(core);
  }
  std::string model;
  for (const auto& core : cores) model += (model.empty() ? "" : ", ") + core;
  return model.empty() ? "unknown" : model;
}

// getrusage would include the process before exec, a Python of hundreds of MB.
inline long peak_rss_kb() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return std::atol(line.c_str() + 6);
  }
  return 0;
}
