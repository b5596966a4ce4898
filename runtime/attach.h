// Attached clients of a container: what goes over attach.sock, and the side of the command that attaches.
//
// A SOCK_SEQPACKET socket; the first byte of a packet is its Frame. Who sends what:
//
//   client                                              monitor
//     request {"attach": {streams}} | {"status"} | …  ▶   the starter's socket begins as attached, without a request
//                                                    ◀   answer {…} or {"error": …}, with a pidfd if asked for; that
//                                                        to {"root"} comes from a process of its own, see root_copy.h
//     input, input_end                               ▶   at most the bytes that were granted
//                                                    ◀   grant: so many more bytes of input may be sent
//                                                    ◀   output, error_output
//     still_here while its own output is blocked     ▶
//     resize, signal, output_closed, detach          ▶
//                                                    ◀   exit_code, or dropped; then the socket ends
//
// Slow readers. The log gets every byte. The program waits for a client that does not read, as it would for the reader
// of a pipe, but not for ever: a starter's client must say still_here (its reader is slow, `ctr run … | less`), other
// clients are dropped after k_patience without reading. A client that is stopped or gone is dropped, too.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/result.h"
#include "runtime/console.h"
#include "runtime/monitor_plan.h"

namespace ctr::runtime {

inline constexpr const char* k_attach_socket = "attach.sock";

// Data bytes of one packet.
inline constexpr size_t k_frame_bytes = size_t{32} << 10;
// Input a client may send before the first grant.
inline constexpr size_t k_input_window = size_t{64} << 10;
// A client that has not read for so long is dropped.
inline constexpr std::chrono::seconds k_patience{10};

enum class Frame : uint8_t {
  request = 'R',        // JSON
  answer = 'A',         // JSON
  input = 'i',          // bytes for the program's stdin
  input_end = 'E',      // end of file on it
  grant = 'g',          // uint32: more input bytes
  output = 'o',         // bytes of stdout, or of the terminal
  error_output = 'e',   // bytes of stderr
  resize = 'w',         // uint16 rows, uint16 columns
  signal = 's',         // int32 number
  still_here = 'k',     // the client lives, only its reader is slow
  output_closed = 'c',  // uint8 stream (1, 2): its reader is gone
  detach = 'd',         // the client leaves on purpose
  exit_code = 'x',      // int32
  dropped = 'D',        // the client was too slow
};

// Room for one packet, made at the first use; of its memory only what packets fill is touched.
class PacketBuffer {
 public:
  std::span<char> bytes() {
    constexpr size_t k_bytes = k_frame_bytes + 1;
    if (!bytes_) bytes_ = std::make_unique_for_overwrite<char[]>(k_bytes);
    return {bytes_.get(), k_bytes};
  }

 private:
  std::unique_ptr<char[]> bytes_;
};

struct Packet {
  Frame frame = Frame::answer;
  std::string_view data;  // in the caller's buffer
  Fd fd;                  // of an answer
};
// Non-blocking. Errors: sys() EAGAIN when the peer's buffer is full.
Result<void> send_packet(int socket, Frame frame, std::string_view data, int fd = -1);
// nullopt at the end; Errors: sys() EAGAIN when there is nothing yet.
Result<std::optional<Packet>> receive_packet(int socket, PacketBuffer& buffer);

// ---- The command's side

// Joins the caller to the container behind an attached socket until it ends or the caller detaches.
//
// The terminal is raw meanwhile and restored on return. No output is lost: everything the program wrote before it ended
// is written before this returns. When the reader of stdout goes away (EPIPE), the program's stdout is closed, as for
// any program of a pipeline; when the terminal goes away, the container runs on.
// Errors: interrupted when a signal ends the command (signal_proxy off); timed_out when the monitor dropped us;
// io when the monitor vanished.
Result<JoinEnd> join_container(Fd socket, const JoinOptions& options);

// Lets the program of a container that waits for it start, with these streams attached, or none. What came of it is
// heard with StartedMonitor::report(). Errors: bad_state when no monitor answers.
Result<Fd> ask_start(const Dir& run_dir, const std::optional<StarterAttach>& streams);

// Connects to a running container and attaches the streams of `options` that are not -1.
// Errors: bad_state when no monitor answers.
Result<Fd> connect_attach(const Dir& run_dir, const JoinOptions& options);

// What a running container answers.
struct MonitorStatus {
  pid_t pid = 0;
  pid_t monitor_pid = 0;
  size_t attached_clients = 0;
  size_t waiting_clients = 0;  // in wait_for_exit()
};
Result<MonitorStatus> query_status(const Dir& run_dir);
// A pidfd of the container's first process. Errors: bad_state when no monitor answers.
Result<Fd> query_pidfd(const Dir& run_dir);
// A copy of the mount that is the container's root, attached nowhere yet: see root_copy.h. Errors: bad_state when no
// monitor answers.
Result<Fd> query_root(const Dir& run_dir);
// Sends a signal to the container's first process. After one that is to stop it, and after SIGKILL, SIGTERM, SIGINT and
// SIGQUIT in any case, the container is not started again by itself. Errors: bad_state.
enum class SignalPurpose { any, stop };
Result<void> send_signal(const Dir& run_dir, int number, SignalPurpose purpose = SignalPurpose::any);
// What is different from now on while a container runs.
struct NewOrders {
  std::optional<HealthPlan> health;  // the check that runs from now on; nullopt: none
  Json engine;                       // members that take the place of those of LaunchPlan::engine
};
// Errors: bad_state when no monitor answers.
Result<void> send_orders(const Dir& run_dir, const NewOrders& orders);
// Changes the networks of a running container: see NetworkSetup::change(). Errors: those of the change; bad_state when
// no monitor answers.
Result<void> send_network_order(const Dir& run_dir, const Json& order, int fd = -1);
// Waits for the end of a running container: its exit code; nullopt when no monitor answers (read state.json).
Result<std::optional<int>> wait_for_exit(const Dir& run_dir, const CancelToken& cancel = {},
                                         std::optional<std::chrono::milliseconds> timeout = {});

}  // namespace ctr::runtime
