// The talk with a program that waits to be started: see wait_start in child_ops.h.
//
//   start                              the container's first process, in accept(2)
//     connects, k_ask_start ────────────▶  loads the filter
//     ◀─ the filter's listener ──────────  (if it has one; goes on to the seccomp agent)
//     ◀─ EOF = runs, or {step, errno} ───  execve
//
//   exec
//     connects, k_ask_namespaces ───────▶
//     ◀─ the container's namespaces ─────  waits on
#include <poll.h>

#include <chrono>

#include "base/file.h"
#include "base/wait.h"
#include "runtime/handover.h"
#include "runtime/launch_core.h"

namespace ctr::runtime {
namespace {

// It answers at once, unless it is stopped or its cgroup is frozen.
constexpr std::chrono::seconds k_answer_wait{10};

std::optional<ChildOpKind> parse_op_name(std::string_view name) {
  for (size_t i = 0; i <= static_cast<size_t>(ChildOpKind::finish); ++i) {
    const auto kind = static_cast<ChildOpKind>(i);
    if (child_op_name(kind) == name) return kind;
  }
  return std::nullopt;
}

}  // namespace

Json to_json(const LaterSteps& later) {
  Json steps = Json::array();
  for (const StepWords& step : later.steps) {
    Json entry = Json::object();
    steps.push(entry.set("kind", child_op_name(step.kind)).set("words", step.words));
  }
  Json out = Json::object();
  return out.set("first", uint64_t{later.first})
      .set("command", later.command)
      .set("steps", std::move(steps))
      .set("hands_over_listener", later.hands_over_listener);
}

Result<LaterSteps> later_steps_from_json(const JsonReader& reader) {
  LaterSteps later{.first = TRY(reader.get_uint("first")),
                   .command = TRY(reader.get_string("command")),
                   .steps = {},
                   .hands_over_listener = TRY(reader.bool_or("hands_over_listener", false))};
  for (const JsonReader& element : TRY(reader.elements("steps"))) {
    const auto kind = parse_op_name(TRY(element.get_string("kind")));
    if (!kind) return element.wrong("kind", "a kind of step");
    later.steps.push_back({.kind = *kind, .words = TRY(element.get_string("words"))});
  }
  return later;
}

Result<void> start_waiting(int socket, const LaterSteps& later,
                           const std::function<Result<void>(int listener)>& take_listener) {
  TRY(write_all(socket, {&k_ask_start, 1}, "the start of the container"));
  Heard heard = TRY(hear(socket));
  if (heard.handover) {
    if (heard.handover->tag != k_tag_listener || heard.handover->fds.size() != 1 || !later.hands_over_listener) {
      return Error(Errc::internal, "the container's first process sent what nobody asked for");
    }
    TRY(take_listener(heard.handover->fds[0].get()));
    heard = TRY(hear(socket));
  } else if (later.hands_over_listener && !heard.report) {
    return Error(Errc::bad_state, "the container's first process was killed while it was being started");
  }
  if (heard.report) return step_error(later, *heard.report);
  return ok();
}

Result<std::vector<Fd>> ask_namespaces(int socket, const RuntimeSpec& spec) {
  TRY(write_all(socket, {&k_ask_namespaces, 1}, "the container's first process"));
  TRY(wait_for(socket, POLLIN, {}, k_answer_wait).context("ask for the container's namespaces"));
  auto handover = TRY(receive_handover(socket));
  if (!handover) return Error(Errc::bad_state, "the container is not running");
  if (handover->tag != k_tag_namespaces || handover->fds.size() != namespace_order(spec).size()) {
    return Error(Errc::internal, "the namespaces of the container came incomplete");
  }
  return std::move(handover->fds);
}

}  // namespace ctr::runtime
