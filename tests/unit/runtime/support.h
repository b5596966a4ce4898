// Containers of busybox for the tests of runtime/: a root file system, a spec as `ctr run` writes it, and what came
// out.
#pragma once

#include <linux/seccomp.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/host_facts.h"
#include "runtime/launch.h"
#include "runtime/rootfs_plan.h"
#include "runtime/spec.h"

namespace ctr::test {

// A directory of a test's own, removed with the object, whoever owns what is in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

void make_directory(const std::string& path, mode_t mode = 0755);
void make_file(const std::string& path, const std::string& content, mode_t mode = 0644);
void make_link(const std::string& target, const std::string& path);

runtime::HostFacts host_facts();
// What ctr gives a container by default.
runtime::RuntimeSpec default_spec(const runtime::IdMap& ids);

// What the kernel would make of a filter: the classic BPF that seccomp(2) takes, interpreted.
uint32_t run_filter(const std::string& bpf, const seccomp_data& call);

struct Ran {
  int code = -1;
  std::string out;  // both streams
};

// What a run that must work printed; on failure the error's words.
std::string output(const Result<Ran>& ran);
bool has(const std::string& text, const std::string& part);

class Sandbox {
 public:
  Sandbox();

  const std::string& path() const { return directory_.path(); }
  // Of the only layer.
  std::string layer(const std::string& name) const { return directory_ / ("layer/" + name); }
  // Runs `words` to their end.
  Result<Ran> run(const std::vector<std::string>& words);
  Result<Ran> sh(const std::string& script) { return run({"sh", "-c", script}); }
  // The same on a terminal.
  Result<Ran> run_on_terminal(const std::vector<std::string>& words);
  // Starts without waiting; output goes to /dev/null.
  Result<runtime::Launched> start(const std::vector<std::string>& words);
  // One more process in a container that start() gave.
  Result<Ran> exec(const runtime::Launched& container, const std::vector<std::string>& words);

  runtime::HostFacts host;
  runtime::RuntimeSpec spec;
  runtime::RootfsPlan plan;
  runtime::SeccompProgram seccomp;  // used when spec has a profile
  std::vector<int> extra_fds;
  std::string init_program;
  std::string bundle;  // where relative sources begin
  runtime::LaunchRequest::RootEntry root_entry = runtime::LaunchRequest::RootEntry::pivot;
  runtime::ProcessHabits habits;

 private:
  runtime::LaunchRequest request() const;
  TemporaryDirectory directory_;
};

}  // namespace ctr::test
