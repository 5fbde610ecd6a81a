// The native half of NativeEngine.kt: programs of ExecuTorch's C++ runtime behind JNI.
//
// A training program gives loss, embedding, gradients and parameters, in that order; constant
// methods beside `forward` say where each part begins. The parameters are the program's own memory,
// so that writing there changes the weights. Any C++ exception becomes an IllegalStateException.
#include <executorch/extension/module/module.h>
#include <executorch/extension/tensor/tensor.h>
#include <jni.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

using executorch::aten::ScalarType;
using executorch::extension::Module;
using executorch::extension::TensorPtr;
using executorch::runtime::Error;
using executorch::runtime::EValue;

struct Program {
  explicit Program(const std::string& path) : module(path, Module::LoadMode::Mmap) {
    check(module.load(executorch::runtime::Program::Verification::InternalConsistency), path);
    check(module.load_method("forward"), path);
  }

  static void check(Error error, const std::string& what) {
    if (error != Error::Ok) throw std::runtime_error(what + ": " + to_string(error));
  }

  std::vector<EValue> run(const std::string& method, const std::vector<EValue>& inputs = {}) {
    auto result = module.execute(method, inputs);
    check(result.error(), method);
    return *result;
  }

  std::size_t index(const std::string& name) {
    return static_cast<std::size_t>(run(name + "forward").at(0).toInt());
  }

  // The values of the last run's outputs from `first` on, in the order that was asked for.
  float* values(std::size_t first, std::size_t place) {
    const auto tensor = outputs.at(first + places.at(place)).toTensor();
    if (tensor.scalar_type() != ScalarType::Float || tensor.numel() != sizes.at(place)) {
      throw std::runtime_error("a parameter has another type or size than the device's folder says");
    }
    return tensor.mutable_data_ptr<float>();
  }

  Module module;
  std::vector<EValue> outputs;
  std::size_t gradients = 0, parameters = 0;  // places of the first of each among the outputs
  std::vector<std::size_t> places;            // of each parameter behind these
  std::vector<int> sizes;
};

Program& program_of(jlong handle) { return *reinterpret_cast<Program*>(handle); }

std::string text_of(JNIEnv* env, jstring text) {
  const char* found = env->GetStringUTFChars(text, nullptr);
  std::string copy(found);
  env->ReleaseStringUTFChars(text, found);
  return copy;
}

// Inputs as tensors over copies of Java's arrays.
class Inputs {
 public:
  Inputs(JNIEnv* env, jobjectArray inputs, jobjectArray shapes) {
    const jsize count = env->GetArrayLength(inputs);
    data_.reserve(count);
    for (jsize i = 0; i < count; ++i) {
      const auto array = static_cast<jfloatArray>(env->GetObjectArrayElement(inputs, i));
      const auto lengths = static_cast<jlongArray>(env->GetObjectArrayElement(shapes, i));
      std::vector<jlong> shape(env->GetArrayLength(lengths));
      env->GetLongArrayRegion(lengths, 0, static_cast<jsize>(shape.size()), shape.data());
      long size = 1;
      for (jlong length : shape) size *= length;
      if (size != env->GetArrayLength(array)) throw std::runtime_error("an input's size is not its shape's");
      data_.emplace_back(size);
      env->GetFloatArrayRegion(array, 0, static_cast<jsize>(size), data_.back().data());
      tensors_.push_back(executorch::extension::from_blob(
          data_.back().data(), {shape.begin(), shape.end()}));
      values.emplace_back(tensors_.back());
      env->DeleteLocalRef(array);
      env->DeleteLocalRef(lengths);
    }
  }

  std::vector<EValue> values;

 private:
  std::vector<std::vector<float>> data_;
  std::vector<TensorPtr> tensors_;
};

template <class Call>
auto guarded(JNIEnv* env, Call call) -> decltype(call()) {
  try {
    return call();
  } catch (const std::exception& error) {
    env->ThrowNew(env->FindClass("java/lang/IllegalStateException"), error.what());
    return decltype(call())();
  }
}

}  // namespace

#define NATIVE(type, name) \
  extern "C" JNIEXPORT type JNICALL Java_org_tinyaudiossl_federated_training_NativeEngine_##name

NATIVE(jlong, open)(JNIEnv* env, jobject, jstring path) {
  return guarded(env, [&] {
    return reinterpret_cast<jlong>(std::make_unique<Program>(text_of(env, path)).release());
  });
}

NATIVE(void, free)(JNIEnv*, jobject, jlong handle) { delete &program_of(handle); }

NATIVE(jfloatArray, forward)(JNIEnv* env, jobject, jlong handle, jobjectArray inputs, jobjectArray shapes) {
  return guarded(env, [&]() -> jfloatArray {
    const Inputs given(env, inputs, shapes);
    const auto outputs = program_of(handle).run("forward", given.values);
    const auto tensor = outputs.at(0).toTensor();
    const auto size = static_cast<jsize>(tensor.numel());
    jfloatArray found = env->NewFloatArray(size);
    if (found != nullptr) env->SetFloatArrayRegion(found, 0, size, tensor.const_data_ptr<float>());
    return found;
  });
}

NATIVE(void, prepare)(JNIEnv* env, jobject, jlong handle, jobjectArray names, jintArray sizes,
                      jobjectArray inputs, jobjectArray shapes) {
  guarded(env, [&] {
    Program& program = program_of(handle);
    program.gradients = program.index("__et_training_gradients_index_");
    program.parameters = program.index("__et_training_parameters_index_");
    std::unordered_map<std::string, std::size_t> known;
    for (const EValue& name : program.run("__et_training_fqn_forward")) {
      const auto text = name.toString();
      known.emplace(std::string(text.data(), text.size()), known.size());
    }
    program.sizes.resize(env->GetArrayLength(sizes));
    env->GetIntArrayRegion(sizes, 0, static_cast<jsize>(program.sizes.size()), program.sizes.data());
    for (jsize i = 0; i < env->GetArrayLength(names); ++i) {
      const auto name = text_of(env, static_cast<jstring>(env->GetObjectArrayElement(names, i)));
      const auto found = known.find(name);
      if (found == known.end()) throw std::runtime_error("the artifact has no parameter " + name);
      program.places.push_back(found->second);
    }
    if (known.size() != program.places.size()) {
      throw std::runtime_error("the artifact has more parameters than the device's folder says");
    }
    program.outputs = program.run("forward", Inputs(env, inputs, shapes).values);
    for (std::size_t i = 0; i < program.sizes.size(); ++i) program.values(program.parameters, i);
    return 0;
  });
}

NATIVE(jfloat, step)(JNIEnv* env, jobject, jlong handle, jfloatArray weights, jobjectArray inputs,
                     jobjectArray shapes, jfloatArray gradients) {
  return guarded(env, [&] {
    Program& program = program_of(handle);
    jsize at = 0;
    for (std::size_t i = 0; i < program.sizes.size(); at += program.sizes[i++]) {
      env->GetFloatArrayRegion(weights, at, program.sizes[i], program.values(program.parameters, i));
    }
    const Inputs given(env, inputs, shapes);
    program.outputs = program.run("forward", given.values);
    at = 0;
    for (std::size_t i = 0; i < program.sizes.size(); at += program.sizes[i++]) {
      env->SetFloatArrayRegion(gradients, at, program.sizes[i], program.values(program.gradients, i));
    }
    return static_cast<jfloat>(program.outputs.at(0).toTensor().const_data_ptr<float>()[0]);
  });
}
