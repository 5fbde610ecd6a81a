// Options of the command line. `options.py` writes them.
#pragma once

#include <getopt.h>

#include <cmath>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

// An error that the user can fix: exit code 2. Any other exception is the runtime's: 3.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Options {
  std::string artifact;
  std::string pcm;       // raw little-endian float32; empty: generated noise
  int warm_up = 20;      // untimed runs after the first
  int runs = 200;        // timed runs
  double seconds = 0;    // if above 0, instead of `runs`: as many as begin within this time
  int threads = 1;       // of the runtime
  std::vector<int> cpus; // the cores to stay on; empty: all
  bool stream = false;   // feed packets with state, instead of windows
  bool samples = false;  // print the time of every run
  bool embedding = false;  // print the last run's output
};

inline constexpr const char* kUsage =
    "usage: runner ARTIFACT [--pcm FILE] [--warm-up 20] [--runs 200 | --seconds T] [--threads 1]\n"
    "              [--cpus 4,5] [--stream] [--samples] [--embedding]";

inline double parse_number(const std::string& name, const char* text, double least) {
  char* end = nullptr;
  const double value = std::strtod(text, &end);
  if (end == text || *end != '\0' || !std::isfinite(value) || value < least) {
    std::ostringstream message;
    message << name << " " << text << ": expected a number of at least " << least;
    throw UsageError(message.str());
  }
  return value;
}

inline int parse_count(const std::string& name, const char* text, int least) {
  constexpr double kMost = 1e9;
  const double value = parse_number(name, text, least);
  if (value != std::floor(value) || value > kMost) {
    throw UsageError(name + " " + text + ": expected a whole number");
  }
  return static_cast<int>(value);
}

inline std::vector<int> parse_cpus(const char* text) {
  std::vector<int> cpus;
  std::istringstream list(text);
  for (std::string cpu; std::getline(list, cpu, ',');) {
    cpus.push_back(parse_count("--cpus", cpu.c_str(), 0));
  }
  if (cpus.empty()) throw UsageError("--cpus: expected numbers of cores, such as 4,5");
  return cpus;
}

inline Options parse_options(int argc, char** argv) {
  static const option kOptions[] = {
      {"pcm", required_argument, nullptr, 'p'},     {"warm-up", required_argument, nullptr, 'w'},
      {"runs", required_argument, nullptr, 'r'},    {"seconds", required_argument, nullptr, 's'},
      {"threads", required_argument, nullptr, 't'}, {"cpus", required_argument, nullptr, 'c'},
      {"stream", no_argument, nullptr, 'S'},        {"samples", no_argument, nullptr, 'a'},
      {"embedding", no_argument, nullptr, 'e'},     {nullptr, 0, nullptr, 0}};
  Options options;
  bool runs_given = false;
  for (int found; (found = getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    switch (found) {
      case 'p': options.pcm = optarg; break;
      case 'w': options.warm_up = parse_count("--warm-up", optarg, 0); break;
      case 'r': options.runs = parse_count("--runs", optarg, 1), runs_given = true; break;
      case 's': options.seconds = parse_number("--seconds", optarg, 1e-3); break;
      case 't': options.threads = parse_count("--threads", optarg, 1); break;
      case 'c': options.cpus = parse_cpus(optarg); break;
      case 'S': options.stream = true; break;
      case 'a': options.samples = true; break;
      case 'e': options.embedding = true; break;
      default: throw UsageError(kUsage);  // getopt_long has printed the error
    }
  }
  if (runs_given && options.seconds > 0) throw UsageError("give --runs or --seconds, not both");
  if (argc - optind != 1) {
    const std::string given = std::to_string(argc - optind);
    throw UsageError("expected one artifact, not " + given + "\n" + kUsage);
  }
  options.artifact = argv[optind];
  return options;
}
