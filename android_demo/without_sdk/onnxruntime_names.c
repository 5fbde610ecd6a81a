// ONNX Runtime's Java library for Linux that can be had asks for libonnxruntime.so of its own version,
// by name and by the version of each symbol. Newer ones keep the interface: this hands the calls on
// to the one that $ONNXRUNTIME names, the same that Python runs.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static void* symbol(const char* name) {
  static void* library;
  if (library == NULL) library = dlopen(getenv("ONNXRUNTIME"), RTLD_NOW);
  void* found = library == NULL ? NULL : dlsym(library, name);
  if (found == NULL) {
    fprintf(stderr, "$ONNXRUNTIME: %s\n", dlerror());
    exit(1);
  }
  return found;
}

const void* OrtGetApiBase(void) {
  return ((const void* (*)(void))symbol("OrtGetApiBase"))();
}

void* OrtSessionOptionsAppendExecutionProvider_CPU(void* options, int use_arena) {
  return ((void* (*)(void*, int))symbol("OrtSessionOptionsAppendExecutionProvider_CPU"))(
      options, use_arena);
}
