// A clock that runs 1000 times as fast, to preload: what counts whole microseconds counts
// nanoseconds then.
//
//   cc -O2 -shared -fPIC fast_clock.c -o fast_clock.so -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

#define NS_PER_S 1000000000ULL

int clock_gettime(clockid_t id, struct timespec *t) {
  static int (*real)(clockid_t, struct timespec *);
  static time_t first_s;
  if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  const int result = real(id, t);
  if (result || id != CLOCK_MONOTONIC) return result;
  if (!first_s) first_s = t->tv_sec;
  const unsigned long long ns = 1000 * ((t->tv_sec - first_s) * NS_PER_S + t->tv_nsec);
  t->tv_sec = first_s + ns / NS_PER_S;
  t->tv_nsec = ns % NS_PER_S;
  return 0;
}
