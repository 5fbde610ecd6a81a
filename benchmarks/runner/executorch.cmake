find_package(executorch REQUIRED CONFIG)
string(REGEX REPLACE "[+].*" "" version "${EXECUTORCH_BUILD_VERSION}")  # 1.5.1+cpu
if(NOT EXECUTORCH_RUNTIME_LIBRARY_DIR)
  message(FATAL_ERROR "${executorch_DIR} has no shared libraries, as the wheel's has")
endif()

target_include_directories(runner SYSTEM PRIVATE ${EXECUTORCH_INCLUDE_DIRS})
target_compile_definitions(runner PRIVATE ${EXECUTORCH_COMPILE_DEFINITIONS} ET_USE_THREADPOOL
                                          EXECUTORCH_VERSION="${version}")

# Kernels and delegates register themselves: nothing refers to them, and they must stay.
# By path, since the package's own targets want CMake 3.28 and its list holds other delegates too.
target_link_options(runner PRIVATE -Wl,--no-as-needed)
foreach(name executorch executorch_threadpool executorch_kernels_optimized
        executorch_kernels_quantized executorch_backend_xnnpack)
  set(file "${EXECUTORCH_RUNTIME_LIBRARY_DIR}/lib${name}.so")
  target_link_libraries(runner PRIVATE "${file}")
  install(FILES "${file}" DESTINATION .)
endforeach()
