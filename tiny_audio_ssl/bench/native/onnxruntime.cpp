// The runner of .onnx artifacts: ONNX Runtime's CPU provider.
#include <onnxruntime_cxx_api.h>

#include "runner.hpp"

class OnnxModel {
 public:
  static constexpr const char* runtime = "onnxruntime";

  static std::string version() { return OrtGetApiBase()->GetVersionString(); }

  explicit OnnxModel(int threads) : env_(ORT_LOGGING_LEVEL_ERROR, "runner") {
    options_.SetIntraOpNumThreads(threads);
    options_.SetInterOpNumThreads(1);
    options_.SetGraphOptimizationLevel(ORT_ENABLE_ALL);
  }

  void load(const std::string& path) try {
    session_ = Ort::Session(env_, path.c_str(), options_);
    Ort::AllocatorWithDefaultOptions allocator;
    for (std::size_t i = 0; i < session_.GetInputCount(); ++i) {
      input_names_.emplace_back(session_.GetInputNameAllocated(i, allocator).get());
    }
    for (std::size_t i = 0; i < session_.GetOutputCount(); ++i) {
      output_names_.emplace_back(session_.GetOutputNameAllocated(i, allocator).get());
    }
  } catch (const Ort::Exception& error) {
    throw UsageError(path + ": ONNX Runtime can't load it: " + error.what());
  }

  std::vector<std::vector<long>> input_shapes() {
    std::vector<std::vector<long>> shapes;
    for (std::size_t i = 0; i < input_names_.size(); ++i) {
      const auto type = session_.GetInputTypeInfo(i);
      if (type.GetONNXType() != ONNX_TYPE_TENSOR || !is_float(type.GetTensorTypeAndShapeInfo())) {
        throw UsageError("the artifact's input " + input_names_[i] + " is not a float32 tensor");
      }
      const auto shape = type.GetTensorTypeAndShapeInfo().GetShape();
      shapes.emplace_back(shape.begin(), shape.end());
    }
    return shapes;
  }

  void bind(std::vector<Tensor>& inputs) {
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    for (Tensor& input : inputs) {
      const std::vector<std::int64_t> shape(input.shape.begin(), input.shape.end());
      inputs_.push_back(Ort::Value::CreateTensor<float>(memory, input.data.data(),
                                                        input.data.size(), shape.data(),
                                                        shape.size()));
    }
  }

  void run() {
    const auto inputs = pointers(input_names_), outputs = pointers(output_names_);
    outputs_ = session_.Run(Ort::RunOptions{nullptr}, inputs.data(), inputs_.data(), inputs_.size(),
                            outputs.data(), outputs.size());
  }

  std::vector<View> outputs() const {
    std::vector<View> views;
    for (const Ort::Value& output : outputs_) {
      const bool given = output.IsTensor() && is_float(output.GetTensorTypeAndShapeInfo());
      views.push_back(given ? View{output.GetTensorData<float>(),
                                   output.GetTensorTypeAndShapeInfo().GetElementCount()}
                            : View{nullptr, 0});
    }
    return views;
  }

 private:
  template <class Info>
  static bool is_float(const Info& info) {
    return info.GetElementType() == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  }

  static std::vector<const char*> pointers(const std::vector<std::string>& names) {
    std::vector<const char*> found;
    for (const auto& name : names) found.push_back(name.c_str());
    return found;
  }

  Ort::Env env_;
  Ort::SessionOptions options_;
  Ort::Session session_{nullptr};
  std::vector<std::string> input_names_, output_names_;
  std::vector<Ort::Value> inputs_, outputs_;
};

int main(int argc, char** argv) { return run_main<OnnxModel>(argc, argv); }
