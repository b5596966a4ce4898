// Mount targets: found or made below the new root by descriptors only. Part of the interpreter; see child.cc for its
// rules.
#pragma once

#include "runtime/child_sys.h"

namespace ctr::runtime::child {
namespace {

// Linux follows at most 40 links in one walk (path_resolution(7)).
constexpr int k_max_links = 40;
constexpr size_t k_path_size = 4096;

using PathText = Text<k_path_size>;

// Where the first component that does not exist ends; 0 when all exist.
int find_missing(int root, char* path, uint64_t resolve, size_t* end) {
  const size_t length = length_of(path);
  size_t at = 0;
  *end = 0;
  while (at < length) {
    while (path[at] == '/') ++at;
    while (at < length && path[at] != '/') ++at;
    const char saved = path[at];
    path[at] = '\0';
    const int fd = sys_openat2(root, path, O_PATH, 0, resolve);
    path[at] = saved;
    if (fd == -ENOENT) {
      *end = at;
      return 0;
    }
    if (fd < 0) return fd;
    sys_close(fd);
  }
  return 0;
}

// Puts the target of the link in place of the component [begin, end) of `path`.
int splice_link(PathText* path, size_t begin, size_t end, const char* link) {
  PathText joined;
  if (link[0] != '/') {
    for (size_t i = 0; i < begin; ++i) joined.add_char(path->data()[i]);
  }
  joined.add(link);
  joined.add(path->data() + end);
  if (joined.overflow()) return -ENAMETOOLONG;
  *path = joined;
  return 0;
}

// What is made in the place of what is missing.
struct Made {
  bool directory;
  bool like_parent;  // a directory gets the mode of the one that it is in
  unsigned mode;
};

struct Missing {
  size_t end;
  bool follow;
};

// At once: whoever else may write to the parent could put something else there before its mode is changed.
int make_like_parent(int parent, const char* name) {
  struct stat status{};
  int result = sys_fstat(parent, &status);
  if (result < 0) return result;
  const int mask = call(SYS_umask, 0);
  result = call(SYS_mkdirat, parent, name, status.st_mode & 01777U);
  call(SYS_umask, mask);
  return result;
}

// Makes the component of `path` that ends at `missing.end`, or replaces it when it is a dangling link (returns 1).
int make_component(int root, PathText* path, const Missing& missing, const Made& made, uint64_t resolve) {
  char* bytes = path->data();
  size_t begin = missing.end;
  while (begin > 0 && bytes[begin - 1] != '/') --begin;
  PathText name;
  for (size_t i = begin; i < missing.end; ++i) name.add_char(bytes[i]);
  const char saved = bytes[begin];
  bytes[begin] = '\0';
  const int parent = sys_openat2(root, begin == 0 ? "." : bytes, O_PATH | O_DIRECTORY, 0, resolve);
  bytes[begin] = saved;
  if (parent < 0) return parent;

  char link[k_path_size];
  const int length = call(SYS_readlinkat, parent, name.data(), link, sizeof link - 1);
  int result = 0;
  if (length >= 0) {
    link[length] = '\0';
    result = missing.follow ? splice_link(path, begin, missing.end, link) : -ELOOP;
    if (result == 0) result = 1;
  } else if (bytes[missing.end] == '\0' && !made.directory) {
    const int fd =
        call(SYS_openat, parent, name.data(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, made.mode);
    result = fd < 0 ? fd : sys_close(fd);
  } else if (made.like_parent) {
    result = make_like_parent(parent, name.data());
  } else {
    result = call(SYS_mkdirat, parent, name.data(), bytes[missing.end] == '\0' ? made.mode : 0755U);
  }
  sys_close(parent);
  return result == -EEXIST ? 0 : result;
}

// Opens `path` below `root` as a process rooted there would, and makes it, a directory or a file, with its parents when
// it is missing. A dangling link is followed inside the root, so that its target is made; with O_NOFOLLOW in `flags`, a
// link at the end is what is opened.
int open_or_make_target(int root, const char* path, uint64_t flags, const Made& made, uint64_t resolve) {
  PathText current;
  current.add(path);
  if (current.overflow()) return -ENAMETOOLONG;
  int links = 0;
  // Each round makes one component or replaces one link, so that the walk ends.
  for (size_t round = 0; round < k_path_size; ++round) {
    const int fd = sys_openat2(root, current.data(), O_PATH | flags, 0, resolve);
    if (fd != -ENOENT) return fd;
    Missing missing{.end = 0, .follow = (resolve & RESOLVE_NO_SYMLINKS) == 0};
    int result = find_missing(root, current.data(), resolve, &missing.end);
    if (result < 0) return result;
    if (missing.end == 0) continue;
    result = make_component(root, &current, missing, made, resolve);
    if (result < 0) return result;
    if (result == 1 && ++links > k_max_links) return -ELOOP;
  }
  return -ELOOP;
}

}  // namespace
}  // namespace ctr::runtime::child
