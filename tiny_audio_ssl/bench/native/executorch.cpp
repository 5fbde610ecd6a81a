// The runner of .pte artifacts: ExecuTorch with XNNPACK, the optimized and the quantized kernels.
#include <executorch/extension/module/module.h>
#include <executorch/extension/tensor/tensor.h>

#include <cstdint>
#include <memory>

#include "runner.hpp"

#if __has_include(<executorch/extension/threadpool/threadpool.h>)
#include <executorch/extension/threadpool/threadpool.h>
#else  // the wheel's library exports these; its headers omit them
namespace executorch::extension::threadpool {
class ThreadPool {
 public:
  bool _unsafe_reset_threadpool(std::uint32_t threads);
};
ThreadPool* get_threadpool();
}  // namespace executorch::extension::threadpool
#endif

using executorch::aten::ScalarType;
using executorch::extension::Module;
using executorch::runtime::Error;
using executorch::runtime::EValue;

class ExecuTorchModel {
 public:
  static constexpr const char* runtime = "executorch";

  static std::string version() { return EXECUTORCH_VERSION; }

  explicit ExecuTorchModel(int threads) {
    auto* pool = executorch::extension::threadpool::get_threadpool();
    if (!pool->_unsafe_reset_threadpool(static_cast<std::uint32_t>(threads))) {
      throw std::runtime_error("the number of threads can't be set");
    }
  }

  void load(const std::string& path) {
    using executorch::runtime::Program;
    module_ = std::make_unique<Module>(path, Module::LoadMode::Mmap);
    Error error = module_->load(Program::Verification::InternalConsistency);
    if (error == Error::Ok) error = module_->load_forward();
    if (error != Error::Ok) {
      throw UsageError(path + ": ExecuTorch can't load it: " + to_string(error));
    }
  }

  std::vector<std::vector<long>> input_shapes() {
    const auto meta = checked(module_->method_meta("forward"));
    std::vector<std::vector<long>> shapes;
    for (std::size_t i = 0; i < meta.num_inputs(); ++i) {
      const auto input = meta.input_tensor_meta(i);
      if (!input.ok() || input->scalar_type() != ScalarType::Float) {
        throw UsageError("the artifact's input " + std::to_string(i) + " is not a float32 tensor");
      }
      shapes.emplace_back(input->sizes().begin(), input->sizes().end());
    }
    return shapes;
  }

  void bind(std::vector<Tensor>& inputs) {
    for (Tensor& input : inputs) {
      tensors_.push_back(executorch::extension::from_blob(
          input.data.data(), {input.shape.begin(), input.shape.end()}));
      inputs_.emplace_back(tensors_.back());
    }
  }

  void run() { outputs_ = checked(module_->forward(inputs_)); }

  std::vector<View> outputs() const {
    std::vector<View> views;
    for (const EValue& output : outputs_) {
      const bool given = output.isTensor() && output.toTensor().scalar_type() == ScalarType::Float;
      views.push_back(given ? View{output.toTensor().const_data_ptr<float>(),
                                   static_cast<std::size_t>(output.toTensor().numel())}
                            : View{nullptr, 0});
    }
    return views;
  }

 private:
  template <class Value>
  static Value checked(executorch::runtime::Result<Value> result) {
    if (!result.ok()) throw std::runtime_error(to_string(result.error()));
    return std::move(*result);
  }

  std::unique_ptr<Module> module_;
  std::vector<executorch::extension::TensorPtr> tensors_;
  std::vector<EValue> inputs_, outputs_;
};

int main(int argc, char** argv) { return run_main<ExecuTorchModel>(argc, argv); }
