// In front of the C library (LD_PRELOAD): the n-th write, or the n-th sync, to a file below one folder fails with an error of choice.
// What is to fail is read from a small file that the test and this process share in memory.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum { kWrites = 1, kSyncs = 2 };

/** The layout of the shared file: five numbers of 32 bits. */
struct Control {
  /** What counts: 0 nothing, else the sum of kWrites and kSyncs. */
  volatile int32_t kinds;
  /** Counts down; the call that brings it to 0 fails. */
  volatile int32_t left;
  volatile int32_t error;
  /** How many failed. */
  volatile int32_t failed;
  /** 1: all after that one fail, too. */
  volatile int32_t goes_on;
};

static struct Control* control;
static const char* home;

__attribute__((constructor)) static void begin(void) {
  const char* path = getenv("FAIL_NTH_CONTROL");
  home = getenv("FAIL_NTH_HOME");
  const int file = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  void* shared = mmap(NULL, sizeof(struct Control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (shared != MAP_FAILED) control = shared;
}

static int isBelowHome(int file) {
  char link[64];
  char path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0 || home == NULL) return 0;
  path[length] = '\0';
  return strncmp(path, home, strlen(home)) == 0;
}

static int fails(int file, int kind) {
  if (control == NULL || (control->kinds & kind) == 0 || !isBelowHome(file)) return 0;
  const int32_t left = __atomic_sub_fetch(&control->left, 1, __ATOMIC_SEQ_CST);
  if (left > 0 || (left < 0 && control->goes_on == 0)) return 0;
  __atomic_add_fetch(&control->failed, 1, __ATOMIC_SEQ_CST);
  errno = control->error;
  return 1;
}

ssize_t write(int file, const void* bytes, size_t count) {
  static ssize_t (*next)(int, const void*, size_t);
  if (next == NULL) next = dlsym(RTLD_NEXT, "write");
  return fails(file, kWrites) ? -1 : next(file, bytes, count);
}

ssize_t pwrite64(int file, const void* bytes, size_t count, off64_t at) {
  static ssize_t (*next)(int, const void*, size_t, off64_t);
  if (next == NULL) next = dlsym(RTLD_NEXT, "pwrite64");
  return fails(file, kWrites) ? -1 : next(file, bytes, count, at);
}

ssize_t writev(int file, const struct iovec* parts, int count) {
  static ssize_t (*next)(int, const struct iovec*, int);
  if (next == NULL) next = dlsym(RTLD_NEXT, "writev");
  return fails(file, kWrites) ? -1 : next(file, parts, count);
}

int fsync(int file) {
  static int (*next)(int);
  if (next == NULL) next = dlsym(RTLD_NEXT, "fsync");
  return fails(file, kSyncs) ? -1 : next(file);
}

int fdatasync(int file) {
  static int (*next)(int);
  if (next == NULL) next = dlsym(RTLD_NEXT, "fdatasync");
  return fails(file, kSyncs) ? -1 : next(file);
}
