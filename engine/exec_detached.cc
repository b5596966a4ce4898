// exec -d: the program's parent is a process of ours, since nobody else is told how it ends.
#include <malloc.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/child.h"
#include "base/parse.h"
#include "engine/exec.h"

namespace ctr::engine {

namespace {

constexpr size_t k_request_limit_bytes = size_t{16} << 20;

Json request_json(const ExecOptions& options, const storage::ContainerEntry& entry) {
  Json numbers = Json::array();
  for (const int fd : options.preserved_fds) numbers.push(int64_t{fd});
  return Json::object()
      .set("id", entry.id.text())
      .set("name", entry.name)
      .set("argv", Json::strings(options.argv))
      .set("env", Json::strings(options.env))
      .set("user", options.user)
      .set("working_dir", options.working_dir)
      .set("terminal", options.terminal)
      .set("privileged", options.privileged)
      .set("preserved_fds", std::move(numbers));
}

struct Request {
  storage::ContainerEntry entry;
  ExecOptions options;
};

Result<Request> read_request(int fd) {
  const std::string what = "the request";
  const auto json =
      TRY(parse_json(TRY(read_all(fd, k_request_limit_bytes, what)), what, {.size_bytes = k_request_limit_bytes}));
  const JsonReader reader(json, what);
  Request request{{TRY(storage::ContainerId::parse(TRY(reader.get_string("id")))), TRY(reader.get_string("name"))}, {}};
  auto& options = request.options;
  options.argv = TRY(reader.strings("argv"));
  options.env = TRY(reader.strings("env"));
  options.user = TRY(reader.get_string("user"));
  options.working_dir = TRY(reader.get_string("working_dir"));
  options.terminal = TRY(reader.get_bool("terminal"));
  options.privileged = TRY(reader.get_bool("privileged"));
  for (const auto& number : TRY(reader.elements("preserved_fds"))) {
    if (!number.value().is_integer()) return reader.wrong("preserved_fds", "numbers");
    options.preserved_fds.push_back(static_cast<int>(number.value().as_int()));
  }
  return request;
}

// Behind those that the program is to get.
int first_own_descriptor(const std::vector<int>& preserved) { return preserved.empty() ? 3 : preserved.back() + 1; }

Result<void> run_request(Core& core, int memory, Channel& starter) {
  const auto request = TRY(read_request(memory));
  const auto on_started = [&] {
    // The program has them: whoever waits for their end must not wait for us.
    for (const int fd : request.options.preserved_fds) ::close(fd);
    starter.send(Json::object()).ignore("the starter may be gone by now");
    (void)::malloc_trim(0);
  };
  (void)TRY(exec_in_container(core, request.entry, request.options, {}, on_started));
  return ok();
}

}  // namespace

Result<void> exec_detached(Core& core, const storage::ContainerEntry& entry, const ExecOptions& options) {
  const Fd memory = TRY(make_sealed_memfd("ctr-exec", dump_json(request_json(options, entry))));
  auto pair = TRY(make_socket_pair());
  const int first = first_own_descriptor(options.preserved_fds);
  SpawnOptions worker;
  // Not the installed file: what joins a container is one that the container cannot write to.
  worker.program = "/proc/self/exe";
  worker.argv = {"ctr", std::string(k_exec_verb), std::to_string(first)};
  worker.env = core.helper_env();
  worker.cwd = "/";
  worker.session = SpawnOptions::Session::fresh;
  worker.fds = {{memory.get(), first}, {pair.theirs.get(), first + 1}};
  for (const int fd : options.preserved_fds) worker.fds.emplace_back(fd, fd);
  auto child = TRY(spawn(worker).context("start the process that waits for the command"));
  pair.theirs.reset();
  Channel channel(std::move(pair.ours));
  auto answer = channel.receive(core.cancel());
  (void)child.release();
  const auto message = TRY(std::move(answer));
  if (!message) return Error(Errc::internal, "the process that waits for the command ended without an answer");
  if (const Json* error = message->body.find("error")) return error_from_json(*error);
  return ok();
}

int run_exec_worker(Core& core, std::string_view first) {
  const auto number = parse_unsigned(first, "a descriptor", 1 << 20);
  if (!number) return 1;
  const Fd memory(static_cast<int>(*number));
  Channel starter(Fd(static_cast<int>(*number) + 1));
  const auto done = run_request(core, memory.get(), starter);
  if (done) return 0;
  starter.send(Json::object().set("error", to_json(done.error()))).ignore("the starter may be gone by now");
  return 1;
}

}  // namespace ctr::engine
