set(ONNXRUNTIME_HEADERS "" CACHE PATH "Folder of onnxruntime_cxx_api.h")
set(ONNXRUNTIME_LIBRARY "" CACHE FILEPATH "libonnxruntime.so of the target")
foreach(needed "${ONNXRUNTIME_HEADERS}/onnxruntime_cxx_api.h" "${ONNXRUNTIME_LIBRARY}")
  if(NOT EXISTS "${needed}")
    message(FATAL_ERROR "'${needed}' not found; see -DONNXRUNTIME_HEADERS, -DONNXRUNTIME_LIBRARY")
  endif()
endforeach()

target_include_directories(runner SYSTEM PRIVATE "${ONNXRUNTIME_HEADERS}")
target_link_libraries(runner PRIVATE "${ONNXRUNTIME_LIBRARY}")

# The program loads the library by its soname, which differs from the name of the wheel's file.
execute_process(COMMAND ${CMAKE_OBJDUMP} -p "${ONNXRUNTIME_LIBRARY}" OUTPUT_VARIABLE dynamic)
if(NOT dynamic MATCHES "SONAME +([^\n]+)")
  message(FATAL_ERROR "${ONNXRUNTIME_LIBRARY} has no soname")
endif()
install(FILES "${ONNXRUNTIME_LIBRARY}" DESTINATION . RENAME "${CMAKE_MATCH_1}")
