find_package(executorch REQUIRED CONFIG)
target_include_directories(runner SYSTEM PRIVATE ${EXECUTORCH_INCLUDE_DIRS})
# Kernels and delegates register themselves: nothing refers to them, but they must be linked.
target_link_options(runner PRIVATE -Wl,--no-as-needed)

if(EXECUTORCH_RUNTIME_LIBRARY_DIR)  # the wheel: shared libraries
  string(REGEX REPLACE "[+].*" "" version "${EXECUTORCH_BUILD_VERSION}")  # 1.5.1+cpu
  target_compile_definitions(runner PRIVATE ${EXECUTORCH_COMPILE_DEFINITIONS} ET_USE_THREADPOOL)
  # By path: the package's own targets need CMake 3.28, and its list has more delegates.
  foreach(name executorch executorch_threadpool executorch_kernels_optimized
          executorch_kernels_quantized executorch_backend_xnnpack)
    set(file "${EXECUTORCH_RUNTIME_LIBRARY_DIR}/lib${name}.so")
    target_link_libraries(runner PRIVATE "${file}")
    install(FILES "${file}" DESTINATION .)
  endforeach()
else()  # installed from its sources: static libraries, whose targets say how to link them
  set(version "from source")
  target_compile_definitions(runner PRIVATE C10_USING_CUSTOM_GENERATED_MACROS)
  target_link_libraries(runner PRIVATE executorch extension_module_static extension_tensor
    extension_threadpool optimized_native_cpu_ops_lib quantized_ops_lib xnnpack_backend)
endif()
target_compile_definitions(runner PRIVATE EXECUTORCH_VERSION="${version}")
