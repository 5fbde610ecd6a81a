// Load an artifact, feed it sound, time it, and print one line of JSON: the same for every runtime.
//
// A runtime is a class `Model`:
//   static constexpr const char* runtime;          its name
//   std::string version() const;
//   explicit Model(int threads);                   costs that a process has once
//   void load(const std::string& path);            throws UsageError if it can't be loaded
//   std::vector<std::vector<long>> input_shapes(); -1: any; throws UsageError if not float32
//   void bind(std::vector<Tensor>& inputs);        which stay in place while their data changes
//   void run();                                    throws std::runtime_error
//   std::vector<View> outputs();                   of the last run
#pragma once

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "device.hpp"
#include "options.hpp"
#include "report.hpp"
#include "sound.hpp"

struct Tensor {
  std::vector<long> shape;
  std::vector<float> data;
};

struct View {
  const float* data;  // null if it is not float32
  std::size_t size;
};

class Clock {
 public:
  double ms() const {
    return std::chrono::duration<double, std::milli>(Steady::now() - begin_).count();
  }

 private:
  using Steady = std::chrono::steady_clock;
  Steady::time_point begin_ = Steady::now();
};

// Makes an input with a batch of one; another free length takes all of the sound.
inline Tensor make_input(std::vector<long> shape, std::size_t sound_size) {
  if (shape.size() > 1 && shape[0] < 0) shape[0] = 1;
  long fixed = 1, free = 0;
  for (const long length : shape) length < 0 ? ++free : fixed *= length;
  const long rest = fixed == 0 ? 0 : static_cast<long>(sound_size) / fixed;
  if (fixed == 0 || free > 1 || (free == 1 && rest == 0)) {
    throw UsageError("the artifact's input has free lengths that this sound can't determine");
  }
  for (long& length : shape) length = length < 0 ? rest : length;
  return {shape, std::vector<float>(static_cast<std::size_t>(free == 0 ? fixed : fixed * rest))};
}

// The artifact with its inputs. The first is fed the sound; the others, its state, start as zeros.
template <class Model>
class Session {
 public:
  Session(Model& model, Sound sound, bool stream)
      : model_(model), sound_(std::move(sound)), stream_(stream) {
    for (auto& shape : model.input_shapes()) {
      inputs_.push_back(make_input(std::move(shape), sound_.size()));
    }
    if (inputs_.empty()) throw UsageError("the artifact has no inputs");
    sound_.fill(inputs_[0].data);
    model.bind(inputs_);
  }

  // Runs one window, the same each time; or the next packet of a stream, and passes its state on.
  void step() {
    model_.run();
    if (!stream_) return;
    take_state(model_.outputs());
    sound_.fill(inputs_[0].data);
  }

  View embedding() const {
    const auto outputs = model_.outputs();
    if (outputs.empty() || outputs[0].data == nullptr) {
      throw UsageError("the artifact's first output is not float32");
    }
    return outputs[0];
  }

 private:
  // The last outputs are the next states, in the order of the inputs.
  void take_state(const std::vector<View>& outputs) {
    bool fits = inputs_.size() > 1 && outputs.size() >= inputs_.size();
    for (std::size_t i = 1; fits && i < inputs_.size(); ++i) {
      const View& next = outputs[outputs.size() - inputs_.size() + i];
      fits = next.data != nullptr && next.size == inputs_[i].data.size();
      if (fits) std::copy_n(next.data, next.size, inputs_[i].data.begin());
    }
    if (!fits) throw UsageError("--stream: the artifact's outputs do not include its state");
  }

  Model& model_;
  Sound sound_;
  bool stream_;
  std::vector<Tensor> inputs_;
};

template <class Model>
double timed_step(Session<Model>& session) {
  const Clock clock;
  session.step();
  return clock.ms();
}

template <class Model>
std::vector<double> timed_steps(Session<Model>& session, const Options& options) {
  for (int i = 0; i < options.warm_up; ++i) session.step();
  std::vector<double> samples_ms;
  const Clock clock;
  const auto more = [&] {
    if (samples_ms.empty() || options.seconds == 0) {
      return static_cast<int>(samples_ms.size()) < options.runs;
    }
    return clock.ms() < 1000 * options.seconds;
  };
  while (more()) samples_ms.push_back(timed_step(session));
  return samples_ms;
}

inline void add_times(JsonLine& line, const std::vector<double>& samples_ms, bool all) {
  std::vector<double> sorted = samples_ms;
  std::sort(sorted.begin(), sorted.end());
  line.add("runs", static_cast<long>(sorted.size()));
  line.add("p50_ms", percentile(sorted, 50));
  line.add("p90_ms", percentile(sorted, 90));
  line.add("p99_ms", percentile(sorted, 99));
  line.add("min_ms", sorted.front());
  line.add("mean_ms", std::accumulate(sorted.begin(), sorted.end(), 0.0) / sorted.size());
  if (all) line.add("samples_ms", samples_ms);
}

template <class Model>
std::string measured(const Options& options) {
  if (!std::ifstream(options.artifact)) throw UsageError(options.artifact + ": cannot be read");
  stay_on(options.cpus);
  Sound sound(options.pcm);
  Model model(options.threads);
  const Clock loading;
  model.load(options.artifact);
  const double load_ms = loading.ms();
  Session<Model> session(model, std::move(sound), options.stream);
  const double first_ms = timed_step(session);
  session.embedding();  // refuse a bad output now, not after minutes of runs
  const auto samples_ms = timed_steps(session, options);

  JsonLine line;
  line.add("runtime", Model::runtime);
  line.add("runtime_version", model.version());
  line.add("artifact", options.artifact);
  line.add("abi", kAbi);
  line.add("cpu_model", cpu_model());
  line.add("threads", static_cast<long>(options.threads));
  options.cpus.empty() ? line.add_null("cpus") : line.add("cpus", allowed_cpus());
  line.add("stream", options.stream);
  line.add("load_ms", load_ms);
  line.add("first_ms", first_ms);
  add_times(line, samples_ms, options.samples);
  line.add("peak_rss_kb", peak_rss_kb());
  const View output = session.embedding();
  line.add("checksum", checksum(output.data, output.size * sizeof(float)));
  if (options.embedding) {
    line.add("output", std::vector<float>(output.data, output.data + output.size));
  }
  return line.text();
}

template <class Model>
int run_main(int argc, char** argv) {
  // Runtimes print to stdout, which is kept for the line of JSON: send them to stderr.
  const int results = dup(STDOUT_FILENO);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  try {
    const std::string line = measured<Model>(parse_options(argc, argv));
    if (write(results, line.data(), line.size()) == static_cast<ssize_t>(line.size())) return 0;
    std::fprintf(stderr, "the result cannot be written\n");
    return 3;
  } catch (const UsageError& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", Model::runtime, error.what());
    return 3;
  }
}
