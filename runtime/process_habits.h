// ProcessHabits: what command-line runtimes do with every process and `ctr run` does not, or can be told not to do.
#pragma once

namespace ctr::runtime {

struct ProcessHabits {
  // A session keyring of its own (--no-new-keyring: the caller's).
  enum class Keyring { fresh, inherited } keyring = Keyring::fresh;
  // Whether the process may use all CPUs of its cgroup, or only those the launcher is limited to as well. With a cpuset
  // in the spec it is always the cpuset that counts.
  enum class Cpus { inherited, all } cpus = Cpus::inherited;
  // Whether its terminal turns line feeds into new lines, or leaves that to the caller's terminal.
  enum class LineFeeds { translated, kept } line_feeds = LineFeeds::translated;
};

}  // namespace ctr::runtime
