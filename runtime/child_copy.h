// tmpcopyup: a tmpfs starts with what the image has at its place. Part of
// runtime/child.cc alone, whose rules apply.
#pragma once

#include "runtime/child_sys.h"

namespace ctr::runtime::child {
namespace {

// Deeper trees are refused: each level holds two descriptors and one buffer.
constexpr int k_max_depth = 64;

int copy_tree(int from, int to, int depth);

// As getdents64(2) lays it out.
struct Entry {
  uint64_t inode;
  int64_t offset;
  uint16_t size;
  uint8_t type;
};
constexpr size_t k_name_offset = offsetof(Entry, type) + 1;

int copy_metadata(int to, const char* name, const struct stat& from) {
  int result = call(SYS_fchownat, to, name, from.st_uid, from.st_gid, AT_SYMLINK_NOFOLLOW);
  if (result == 0 && !S_ISLNK(from.st_mode)) result = call(SYS_fchmodat, to, name, from.st_mode & 07777U);
  const struct timespec times[2] = {from.st_atim, from.st_mtim};
  if (result == 0) result = call(SYS_utimensat, to, name, times, AT_SYMLINK_NOFOLLOW);
  return result;
}

int copy_file(int from, int to, const char* name) {
  const int in = call(SYS_openat, from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (in < 0) return in;
  const int out = call(SYS_openat, to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600U);
  int result = out;
  while (result >= 0) {
    result = call(SYS_sendfile, out, in, nullptr, size_t{1} << 20);
    if (result == 0) break;
  }
  if (out >= 0) sys_close(out);
  sys_close(in);
  return result < 0 ? result : 0;
}

int copy_directory(int from, int to, const char* name, int depth) {
  const int in = call(SYS_openat, from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (in < 0) return in;
  int result = call(SYS_mkdirat, to, name, 0700U);
  int out = -1;
  if (result == 0) out = result = call(SYS_openat, to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (result >= 0) result = copy_tree(in, out, depth + 1);
  if (out >= 0) sys_close(out);
  sys_close(in);
  return result;
}

int copy_link(int from, int to, const char* name) {
  char target[4096];
  const int length = call(SYS_readlinkat, from, name, target, sizeof target - 1);
  if (length < 0) return length;
  target[length] = '\0';
  return call(SYS_symlinkat, target, to, name);
}

int copy_entry(int from, int to, const char* name, int depth) {
  struct stat status{};
  int result = call(SYS_newfstatat, from, name, &status, AT_SYMLINK_NOFOLLOW);
  if (result < 0) return result;
  if (S_ISREG(status.st_mode))
    result = copy_file(from, to, name);
  else if (S_ISDIR(status.st_mode))
    result = copy_directory(from, to, name, depth);
  else if (S_ISLNK(status.st_mode))
    result = copy_link(from, to, name);
  else if (S_ISFIFO(status.st_mode))
    result = call(SYS_mknodat, to, name, S_IFIFO | 0600U, 0);
  else
    return 0;  // Sockets have no content; devices are never in a rootless image.
  return result < 0 ? result : copy_metadata(to, name, status);
}

bool is_dots(const char* name) { return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0')); }

// Copies the content of directory `from` into directory `to`, with owners, modes, times and links.
int copy_tree(int from, int to, int depth) {
  if (depth > k_max_depth) return -ELOOP;
  alignas(Entry) char buffer[4096];
  for (;;) {
    const int size = call(SYS_getdents64, from, buffer, sizeof buffer);
    if (size <= 0) return size;
    for (int at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const Entry*>(buffer + at);
      at += entry->size;
      const char* name = reinterpret_cast<const char*>(entry) + k_name_offset;
      if (is_dots(name)) continue;
      const int result = copy_entry(from, to, name, depth);
      if (result < 0) return result;
    }
  }
}

}  // namespace
}  // namespace ctr::runtime::child
