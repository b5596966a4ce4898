// Engine: everything the command line can ask for, as functions over values. The front-ends see this header and spec.h
// only.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/oci/descriptor.h"
#include "base/oci/image_config.h"
#include "base/oci/reference.h"
#include "base/paths.h"
#include "base/progress.h"
#include "base/time.h"
#include "engine/secret_info.h"
#include "engine/spec.h"
#include "engine/volume_info.h"

namespace ctr::engine {

// ---- Containers
// --------------------------------------------------------------------------------------------------------

struct ContainerId {
  std::string hex;  // 64 lower-case hex digits
  std::string short_form() const { return hex.substr(0, 12); }
  bool operator==(const ContainerId&) const = default;
  auto operator<=>(const ContainerId&) const = default;
};

enum class ContainerState { created, initialized, running, paused, exited, stopping, removing };
std::string_view state_name(ContainerState state);  // podman's words

// What `ps`, filters and `inspect` start from: the stored record joined with what the kernel says at this moment.
struct ContainerInfo {
  ContainerId id;
  std::string name;
  SpecSummary spec;
  std::string image_name;    // full reference at creation
  std::string image_id;      // config digest, hex
  std::string image_digest;  // manifest digest "sha256:…"
  TimePoint created;
  std::vector<std::string> argv;  // effective command
  ContainerState state = ContainerState::created;
  int pid = 0;  // 0 unless running
  int monitor_pid = 0;
  int exit_code = 0;
  bool oom_killed = false;
  std::string error;  // why the last start failed
  std::optional<TimePoint> started;
  std::optional<TimePoint> finished;
  std::string_view health;       // "starting", "healthy", "unhealthy"; empty without a check
  int restart_count = 0;         // by the restart policy, since a user has started it
  bool restart_pending = false;  // it has ended, and its monitor waits to start it again
  bool stopped_by_user = false;  // so that it stays down
};

using ContainerVisitor = std::function<Result<void>(ContainerInfo& info)>;

struct ContainerFilter {
  std::string key;  // "name", "label", …
  std::string value;
};

// Which containers a verb means.
struct Selection {
  std::vector<std::string> names;  // names, ids or unique id prefixes, as typed
  bool all = false;
  bool latest = false;
  std::vector<ContainerFilter> filters;
  bool ignore_missing = false;
  bool running_only = false;    // with all; also those that are about to be started again
  bool or_initialized = false;  // with running_only
};

// One object's result of a verb on several: what to print, or why not.
struct Outcome {
  std::string typed;  // what the user typed, or the full id with `all`
  ContainerId id;
  std::optional<Error> error;
  int exit_code = 0;  // wait, start -a
};

struct PullOptions {
  std::string authfile, creds, cert_dir;
  std::optional<bool> tls_verify;
  std::optional<oci::Platform> platform;
  bool quiet = false;
  bool all_tags = false;
  PullPolicy policy = PullPolicy::always;
  int retries = 3;
  std::optional<std::chrono::seconds> retry_delay;
  std::vector<std::string> decryption_keys;  // "FILE" or "FILE:pass=WORD", as typed
};

struct CreateOptions {
  PullOptions pull;  // for a missing image
  bool replace = false;
  // Descriptors of this process, each from 3 on, which the program gets under the same numbers at its first start.
  std::vector<int> preserved_fds;
  // It is started at once, by start() or start_attached(): its ports have to be there, or nothing is created.
  bool starts = false;
};

// How the caller's terminal or pipes are joined to the container. Descriptors are borrowed.
struct AttachOptions {
  int stdin_fd = -1, stdout_fd = -1, stderr_fd = -1;  // -1: not attached
  std::optional<std::string> detach_keys;             // absent: the configured ones; empty: none
  bool signal_proxy = true;
  bool terminal = false;  // put stdin_fd into raw mode and forward window sizes
};

struct AttachEnd {
  bool detached = false;  // the detach keys were typed
  int exit_code = 0;      // else the container's code
};

struct ExecOptions {
  std::vector<std::string> argv;
  std::vector<std::string> env;
  std::string user, working_dir;
  bool terminal = false, interactive = false, detach = false, privileged = false;
  std::vector<int> preserved_fds;  // as CreateOptions'
  bool no_session = false;         // nothing is written down of it
};

struct StopOptions {
  std::optional<std::chrono::seconds> timeout;
};

struct RemoveOptions {
  bool force = false;
  bool volumes = false;
  std::optional<std::chrono::seconds> timeout;
  bool dependents = false;  // and before it the containers that need it
};

struct LogOptions {
  bool follow = false, timestamps = false, names = false, color = false;
  std::optional<uint64_t> tail;  // lines; nullopt: all
  std::optional<TimePoint> since, until;
};

// ---- Images
// ------------------------------------------------------------------------------------------------------------

struct ImageInfo {
  std::string id;  // config digest, hex
  oci::Descriptor manifest;
  std::vector<std::string> names;         // full references with tag, sorted
  std::vector<std::string> repo_digests;  // name@sha256:…
  std::vector<std::string> name_history;
  oci::ImageConfig config;
  uint64_t size_bytes = 0;                  // uncompressed layers
  std::vector<uint64_t> layer_sizes_bytes;  // as config.diff_ids
  TimePoint created;
  int containers = 0;
  std::string other_store = {};  // the path of the additional store that it is in, which is read-only; empty: the own
  bool is_read_only() const { return !other_store.empty(); }
  bool dangling() const { return names.empty(); }
};

struct RemoveImageReport {
  std::vector<std::string> untagged;  // references
  std::vector<std::string> deleted;   // ids
};

struct LoginOptions {
  std::string registry, username, password, authfile, compat_authfile, cert_dir;
  std::optional<bool> tls_verify;
  bool get_login = false;
  bool stored = false;  // log in with the credentials that are kept, and keep nothing
};

struct PushOptions {
  std::string authfile, creds, cert_dir, digest_file, format;
  std::optional<bool> tls_verify;
  bool quiet = false;
  int retries = 3;
  std::optional<std::chrono::seconds> retry_delay;
  std::string sign_by;               // a key of the user's gpg; empty: no such signature
  std::string sigstore_key_file;     // a private key; empty: no such signature
  std::string sigstore_params_file;  // names the private key and its passphrase; empty: no such signature
  std::string sign_passphrase_file;  // of any of them
  std::string compression_format;    // "gzip" or "zstd"; empty: layers go as they are stored
  std::optional<int> compression_level;
  std::vector<std::string> add_compression;  // of a list: formats that each of its images is sent in, too
  bool force_compression = false;            // also of layers that have the format already
  bool compress_layers = false;              // of an image that goes to a directory: none may be uncompressed
  std::vector<std::string> encryption_keys;  // "jwe:FILE"; empty: nothing is encrypted
  std::vector<int> encrypt_layers;           // places from 0, or from the end, -1; empty: all
};

// One finding of `doctor`.
struct Check {
  std::string name;  // "user namespaces"
  enum class State { good, warning, failed } state = State::good;
  std::string detail;       // what was found, or why it fails
  std::string fix;          // the one command
  bool blocks_run = false;  // `run` cannot work without it
};

struct Config;
struct StorageConfig;

// Everything the composition root decides.
// The global options about the store.
struct StorageFlags {
  std::string driver;                // --storage-driver
  std::vector<std::string> options;  // --storage-opt, each "key=value"
  std::string image_store;           // --imagestore
};

struct EngineOptions {
  Environment environment;
  unsigned uid = 0, gid = 0;
  UserPaths paths;
  CancelToken cancel;
  DebugLog* log = nullptr;  // borrowed
  std::string own_binary;   // /proc/self/exe resolved
  std::string installed;    // the same of who has started this process, where own_binary is not a path; empty: it is
  std::string version;
  std::string cgroup_manager;  // --cgroup-manager; empty: configuration and host decide
  StorageFlags storage;        // over what storage.conf says
  bool debug = false;          // whether `log` shows debug lines
  int ask_fd = -1;             // a terminal on which a person can be asked; borrowed
};

// The one door to everything below. Opening is cheap: the store and the configuration are read when first needed.
class Engine {
 public:
  static Result<std::unique_ptr<Engine>> open(EngineOptions options);
  virtual ~Engine() = default;

  // Creates without starting. Errors carry podman's words (see the manual pages).
  virtual Result<ContainerInfo> create(ContainerSpec spec, const CreateOptions& options) = 0;
  // Starts; returns when the program runs or the start has failed (command_not_found, command_not_executable, …).
  virtual Result<void> start(const ContainerId& id) = 0;
  // Everything of a start but the program, which waits for start(). Errors: bad_state when it runs or waits already.
  virtual Result<void> initialize(const ContainerId& id) = 0;
  // Starts with the caller attached from the first byte on.
  virtual Result<AttachEnd> start_attached(const ContainerId& id, const AttachOptions& attach,
                                           const std::function<void()>& on_started = {}) = 0;
  // The steps `run` would take, one a line. Changes nothing.
  virtual Result<std::vector<std::string>> explain(ContainerSpec spec, const CreateOptions& options) = 0;
  virtual Result<AttachEnd> attach(const ContainerId& id, const AttachOptions& attach) = 0;
  virtual Result<AttachEnd> exec(const ContainerId& id, const ExecOptions& options, const AttachOptions& attach) = 0;
  virtual Result<void> stop(const ContainerId& id, const StopOptions& options) = 0;
  virtual Result<void> restart(const ContainerId& id, const StopOptions& options) = 0;
  virtual Result<void> kill(const ContainerId& id, int signal) = 0;
  virtual Result<void> remove(const ContainerId& id, const RemoveOptions& options) = 0;
  // Waits until one of `conditions` ("stopped", "exited", "running", "created", …) holds; the exit code, -1 for others.
  virtual Result<int> wait(const ContainerId& id, const std::vector<std::string>& conditions,
                           std::chrono::milliseconds interval) = 0;
  // Calls `sink` for each record in order until the end (or, with follow, until the container has ended).
  struct LogLine {
    TimePoint time;
    bool is_stderr = false;
    bool partial = false;
    std::string text;  // without the newline
  };
  virtual Result<void> logs(const ContainerId& id, const LogOptions& options,
                            const std::function<Result<void>(const LogLine&)>& sink) = 0;

  // Name beats id prefix. Errors: not_found with podman's words, invalid when the prefix is ambiguous.
  virtual Result<ContainerInfo> find_container(const std::string& name_or_id) = 0;
  virtual Result<std::vector<ContainerInfo>> list_containers() = 0;
  // The same, each by itself and in no order: a long list need not be held. What is visited belongs to the visitor for
  // the time of the call; its error ends the visit.
  virtual Result<void> visit_containers(const ContainerVisitor& visit) = 0;
  // Resolves a selection in a stable order; each unknown name is one Outcome with its error.
  virtual Result<std::vector<std::pair<ContainerInfo, Outcome>>> select(const Selection& selection) = 0;
  virtual Result<bool> matches(const ContainerInfo& info, const std::vector<ContainerFilter>& filters) = 0;
  // podman's inspect document of one container.
  virtual Result<Json> inspect_container(const ContainerInfo& info, bool with_size) = 0;
  struct ContainerSize {
    uint64_t rw_bytes = 0, rootfs_bytes = 0;
  };
  virtual Result<ContainerSize> container_size(const ContainerInfo& info) = 0;

  // Ids (64 hex), several with all_tags. Progress goes to stderr of this process as the transfer program draws it.
  virtual Result<std::vector<std::string>> pull(const std::string& reference, const PullOptions& options) = 0;
  virtual Result<void> push(const std::string& image, const std::string& destination, const PushOptions& options) = 0;
  virtual Result<std::vector<ImageInfo>> list_images() = 0;
  // Without a look at the containers.
  virtual Result<std::vector<std::string>> names_of_images() = 0;
  virtual Result<ImageInfo> find_image(const std::string& name_or_id) = 0;
  virtual Result<bool> image_matches(const ImageInfo& info, const std::vector<ContainerFilter>& filters) = 0;
  virtual Result<Json> inspect_image(const ImageInfo& info) = 0;
  virtual Result<void> tag(const std::string& image, const std::string& name) = 0;
  virtual Result<void> untag(const std::string& image, const std::vector<std::string>& names) = 0;
  virtual Result<RemoveImageReport> remove_image(const std::string& name_or_id, bool force, bool prune_parents) = 0;
  virtual Result<std::vector<std::string>> prune_images(bool all, const std::vector<ContainerFilter>& filters) = 0;

  virtual Result<VolumeInfo> create_volume(const VolumeOptions& options) = 0;
  // Those that the filters let through, sorted by name. Errors: invalid for a filter, on an empty store too.
  virtual Result<std::vector<VolumeInfo>> list_volumes(const std::vector<ContainerFilter>& filters) = 0;
  virtual Result<std::vector<std::string>> names_of_volumes() = 0;
  // By name or the unique beginning of one; `Lookup::exact` takes whole names only. Errors: not_found.
  enum class Lookup { exact, unique_prefix };
  virtual Result<VolumeInfo> find_volume(const std::string& name, Lookup lookup = Lookup::unique_prefix) = 0;
  // With `force` the containers that use it go, too. Errors: not_found, in_use, in podman's words.
  virtual Result<void> remove_volume(const std::string& name, const RemoveOptions& options) = 0;

  // The id. Errors: exists, invalid, unsupported.
  virtual Result<std::string> create_secret(const SecretOptions& options, const std::string& data) = 0;
  // Those that the filters let through, sorted by name. Errors: invalid for a filter, on an empty store too.
  virtual Result<std::vector<SecretInfo>> list_secrets(const std::vector<ContainerFilter>& filters) = 0;
  // By name, id, or the unique beginning of an id. Errors: not_found in podman's words.
  virtual Result<SecretInfo> find_secret(const std::string& name_or_id) = 0;
  // The secret itself, for people who ask for it.
  virtual Result<std::string> read_secret(const SecretInfo& secret) = 0;
  // The id of what was removed. Errors: not_found.
  virtual Result<std::string> remove_secret(const std::string& name_or_id) = 0;

  // The file that the credentials are kept in.
  virtual Result<std::string> login(const LoginOptions& options) = 0;
  virtual Result<std::string> stored_login(const LoginOptions& options) = 0;
  virtual Result<void> logout(const std::string& registry, bool all, const std::string& authfile) = 0;

  // containers.conf. Valid as long as the engine.
  virtual Result<const Config*> config() = 0;
  // storage.conf of everybody, with the environment and the global options.
  virtual Result<StorageConfig> storage_config() = 0;
  // podman's info document.
  virtual Result<Json> info() = 0;
  virtual Result<std::vector<Check>> doctor() = 0;
  // Runs argv in a new user namespace with the full id map; the child's exit code.
  virtual Result<int> unshare(const std::vector<std::string>& argv) = 0;
  // Removes every container, image and volume of this user.
  virtual Result<void> reset() = 0;
};

}  // namespace ctr::engine
