// ctr-transfer: pull, push and login for ctr, and the unpacking of layers. Not
// for people; see engine/transfer.h.
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <memory>

#include "base/cancel.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/paths.h"
#include "cli/output.h"
#include "cli/progress_view.h"
#include "cli/question.h"
#include "cli/version.h"
#include "engine/transfer.h"

extern char** environ;

namespace ctr::cli {
namespace {

// A request holds options and one credential.
constexpr size_t k_request_limit_bytes = size_t{1} << 20;

void to_stderr(std::string_view text) { write_all(STDERR_FILENO, text, "stderr").ignore("progress is a courtesy"); }

ScreenSize screen_size() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

bool is_quiet(const engine::TransferRequest& request) {
  using Verb = engine::TransferRequest::Verb;
  switch (request.verb) {
    case Verb::unpack:
      return true;
    case Verb::pull:
      return request.pull.quiet;
    case Verb::push:
    case Verb::list_push:
      return request.push.quiet;
    case Verb::load:
      return request.load.quiet;
    case Verb::save:
      return request.save.quiet;
    case Verb::commit:
      return request.commit.quiet;
    case Verb::import_:
      return request.import_request.quiet;
    default:
      return true;
  }
}

std::unique_ptr<ProgressSink> make_progress(const engine::TransferRequest& request, const Environment& environment) {
  using Verb = engine::TransferRequest::Verb;
  if (is_quiet(request)) return std::make_unique<NoProgress>();
  if (is_terminal(STDERR_FILENO) && environment_value(environment, "TERM") != "dumb") {
    return std::make_unique<BarProgress>(to_stderr, std::chrono::steady_clock::now, screen_size);
  }
  const auto direction = request.verb == Verb::push || request.verb == Verb::list_push ? PlainProgress::Direction::push
                                                                                       : PlainProgress::Direction::pull;
  return std::make_unique<PlainProgress>(to_stderr, direction);
}

// Where ctr keeps its store and its sockets: --root and --runroot may have moved them.
struct Places {
  std::string store;
  std::string run;
  std::string image_store;                // may be empty
  std::vector<std::string> image_stores;  // of others, see UserPaths
};

Result<engine::TransferAnswer> perform(Output& output, const Places& places, const CancelToken& cancel) {
  const std::string text = TRY(read_all(engine::k_transfer_request_fd, k_request_limit_bytes, "the transfer request"));
  const Json document = TRY(parse_json(text, "the transfer request"));
  const auto request = TRY(engine::transfer_request_from_json(JsonReader(document, "request")));
  engine::EngineOptions options;
  options.environment = read_environment(environ);
  options.uid = ::getuid();
  options.gid = ::getgid();
  options.paths = TRY(find_user_paths(options.environment, options.uid));
  options.paths.store = places.store;
  options.paths.run = places.run;
  options.paths.image_store = places.image_store;
  options.paths.image_stores = [&places] { return places.image_stores; };
  options.cancel = cancel;
  options.log = &output;
  options.version = k_version;
  if (request.debug) output.set_debug(Output::Debug::yes);
  if (environment_value(options.environment, "CTR_ERROR_FORMAT") == "json") output.set_format(Output::Format::json);
  const auto progress = make_progress(request, options.environment);
  engine::TransferFront front{.progress = *progress, .choose = {}};
  if (request.may_ask) {
    front.choose = [&](const std::string& short_name, const std::vector<std::string>& references) {
      return choose_reference(cancel, short_name, references);
    };
  }
  return engine::perform_transfer(options, request, front);
}

// Nobody will read the answer: ctr died before it could be told that we end with it.
bool is_orphan() {
  pollfd answer{.fd = engine::k_transfer_answer_fd, .events = 0, .revents = 0};
  return ::poll(&answer, 1, 0) == 1 && (answer.revents & POLLERR) != 0;
}

int run(const Places& places) {
  // ctr is gone: nobody waits for the answer.
  (void)::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (is_orphan()) return 125;
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGINT);
  ::sigaddset(&signals, SIGTERM);
  auto signal_fd = make_signal_fd(signals);
  Output output;
  if (!signal_fd) {
    output.error(signal_fd.error());
    return 125;
  }
  const auto answer = perform(output, places, CancelToken(signal_fd->get()));
  auto written = write_all(engine::k_transfer_answer_fd, dump_json(engine::to_json(answer)), "the answer");
  if (written) return 0;
  output.error(written.error());
  return 125;
}

}  // namespace
}  // namespace ctr::cli

int main(int argc, char** argv) {
  const std::string_view verb = argc > 1 ? argv[1] : "";
  constexpr std::string_view k_worker_verbs[] = {"unpack",       "index",         "pack",   "archive-tree",
                                                 "extract-tree", "compare-trees", "inflate"};
  if (std::find(std::begin(k_worker_verbs), std::end(k_worker_verbs), verb) != std::end(k_worker_verbs)) {
    return ctr::engine::run_worker_process(verb);
  }
  if (verb == "perform" && argc >= 5) return ctr::cli::run({argv[2], argv[3], argv[4], {argv + 5, argv + argc}});
  return 125;
}
