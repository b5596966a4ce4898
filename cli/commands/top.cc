// top.
#include "engine/top.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "cli/table.h"
#include "engine/container_verbs.h"

namespace ctr::cli {
namespace {

// What ps(1) may write: the container decides what it is.
constexpr off_t k_ps_limit_bytes = off_t{1} << 20;
constexpr size_t k_line_limit_bytes = 4096;

// "pid,user" is two words, as in podman.
std::vector<std::string> descriptor_words(const std::vector<std::string>& words) {
  std::vector<std::string> found;
  for (const auto& word : words) {
    for (auto& part : split(word, ',')) {
      if (!part.empty()) found.push_back(std::move(part));
    }
  }
  return found;
}

// Memory that cannot grow.
Result<Fd> make_bounded_file() {
  Fd file(::memfd_create("ps", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.valid() || ::ftruncate(file.get(), k_ps_limit_bytes) != 0 ||
      ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) != 0) {
    return Error::from_errno("create a memory file");
  }
  return file;
}

// Whatever was written to it.
Result<std::string> read_written(const Fd& file) {
  const off_t end = ::lseek(file.get(), 0, SEEK_CUR);
  std::string text(static_cast<size_t>(std::clamp(end, off_t{0}, k_ps_limit_bytes)), '\0');
  const ssize_t count = ::pread(file.get(), text.data(), text.size(), 0);
  if (count < 0) return Error::from_errno("read what ps(1) has written");
  text.resize(static_cast<size_t>(count));
  return text;
}

Error no_ps(const Error& error, const std::string& unknown) {
  return Error(Errc::bad_state, fmt::format("'{}': unknown descriptor; executing ps(1) in the container: {}",
                                            printable(unknown), error.text()))
      .with_hint("descriptors: " + join(engine::top_descriptors(), ","));
}

// podman's way with words that are no descriptors: they are ps(1)'s, which the container has to have. The line of ps
// itself is left out.
Result<int> run_ps(Context& context, const engine::ContainerInfo& info, const std::vector<std::string>& words,
                   const std::string& unknown) {
  const Fd file = TRY(make_bounded_file());
  engine::ExecOptions options;
  options.argv = {"ps"};
  options.argv.insert(options.argv.end(), words.begin(), words.end());
  engine::AttachOptions attach;
  attach.stdout_fd = file.get();
  attach.stderr_fd = STDERR_FILENO;
  const auto end = TRY(context.engine())->exec(info.id, options, attach);
  if (!end) return no_ps(end.error(), unknown);
  const auto text = TRY(read_written(file));
  const auto own_line = join(options.argv, " ");
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (!line.ends_with(own_line)) context.output().line(printable(line, k_line_limit_bytes));
  }
  if (end->exit_code == 0) return 0;
  return no_ps(Error(Errc::bad_state, fmt::format("ps failed with exit code {}", end->exit_code)), unknown);
}

Result<int> top(Context& context, const Args& args) {
  if (args.words().empty() && !args.flag("latest")) {
    return Error(Errc::invalid, "you must provide the name or id of a running container");
  }
  auto found = one_container(context, args);
  if (!found) return std::move(found).error().context("unable to look up requested container");
  const auto words = descriptor_words(found->rest);
  auto& verbs = engine::container_verbs(*TRY(context.engine()));
  const auto unknown =
      std::find_if(words.begin(), words.end(), [](const auto& word) { return !engine::is_top_descriptor(word); });
  // Asked in any case: whether the container runs comes before what ps(1) says.
  const auto rows = TRY(verbs.top(found->info.id, unknown == words.end() ? words : std::vector<std::string>{}));
  if (unknown != words.end()) return run_ps(context, found->info, found->rest, *unknown);
  Table table;
  for (const auto& row : rows) {
    for (const auto& cell : row) table.add_cell(printable(cell, k_line_limit_bytes));
    table.end_row();
  }
  context.output().print(table.text());
  return 0;
}

constexpr std::string_view k_top_aliases[] = {"container top"};

}  // namespace

constexpr Command k_top_command = {.name = "top",
                                   .aliases = k_top_aliases,
                                   .usage = "[options] CONTAINER [DESCRIPTOR...|PS-OPTION...]",
                                   .summary = "Show the processes of a container",
                                   .options = {latest_options},
                                   .positionals = Positionals::end_options,
                                   .complete = Complete::running,
                                   .enters_containers = true,
                                   .run = top};

}  // namespace ctr::cli
