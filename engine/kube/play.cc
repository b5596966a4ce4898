#include "engine/kube/play.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <set>

#include "base/file.h"
#include "base/text.h"
#include "engine/network_verbs.h"

namespace ctr::engine::kube {

namespace {

// What has been made, to be taken away again in reverse order.
class Undo {
 public:
  Undo() = default;
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;
  ~Undo() {
    for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) (*step)();
  }
  void add(std::function<void()> step) { steps_.push_back(std::move(step)); }
  void keep() { steps_.clear(); }

 private:
  std::vector<std::function<void()>> steps_;
};

using Type = HostPathCheck::Type;

std::string_view type_word(Type type) {
  switch (type) {
    case Type::any:
      return "something";
    case Type::directory:
    case Type::directory_or_create:
      return "a directory";
    case Type::file:
    case Type::file_or_create:
      return "a file";
    case Type::socket:
      return "a socket";
    case Type::char_device:
      return "a character device";
    case Type::block_device:
      return "a block device";
  }
  return "";
}

bool has_type(Type type, mode_t mode) {
  switch (type) {
    case Type::any:
      return true;
    case Type::directory:
    case Type::directory_or_create:
      return S_ISDIR(mode);
    case Type::file:
    case Type::file_or_create:
      return S_ISREG(mode);
    case Type::socket:
      return S_ISSOCK(mode);
    case Type::char_device:
      return S_ISCHR(mode);
    case Type::block_device:
      return S_ISBLK(mode);
  }
  return false;
}

Result<void> make_host_path(HostPathCheck check, Undo& undo) {
  if (check.type == Type::directory_or_create) {
    while (check.path.size() > 1 && check.path.ends_with('/')) check.path.pop_back();
  }
  const auto wrong = [&](std::string what) { return Error::from_errno(fmt::format("{}{}", check.where, what)); };
  // Parents, too, as Kubernetes does.
  for (size_t slash = check.path.find('/', 1); slash != std::string::npos; slash = check.path.find('/', slash + 1)) {
    const auto parent = check.path.substr(0, slash);
    if (::mkdir(parent.c_str(), 0755) == 0) {
      undo.add([parent] { ::rmdir(parent.c_str()); });
    } else if (errno != EEXIST) {
      return wrong(fmt::format("make '{}'", printable(parent)));
    }
  }
  if (check.type == Type::directory_or_create) {
    if (::mkdir(check.path.c_str(), 0755) != 0) return wrong(fmt::format("make '{}'", printable(check.path)));
    undo.add([path = check.path] { ::rmdir(path.c_str()); });
    return ok();
  }
  const auto made = create_file(check.path, "", 0644);
  if (!made) return Error(made.error()).context(check.where + printable(check.path));
  undo.add([path = check.path] { ::unlink(path.c_str()); });
  return ok();
}

Result<void> settle_host_path(const HostPathCheck& check, Undo& undo) {
  struct stat status{};
  if (::stat(check.path.c_str(), &status) == 0) {
    if (has_type(check.type, status.st_mode)) return ok();
    return Error(Errc::invalid,
                 fmt::format("{}'{}' is not {}", check.where, printable(check.path), type_word(check.type)));
  }
  if (errno != ENOENT) return Error::from_errno(fmt::format("{}look at '{}'", check.where, printable(check.path)));
  if (check.type == Type::directory_or_create || check.type == Type::file_or_create) return make_host_path(check, undo);
  return Error(Errc::not_found, fmt::format("{}'{}' does not exist", check.where, printable(check.path)))
      .with_hint("the type DirectoryOrCreate or FileOrCreate makes it");
}

// runAsNonRoot: whether the user that the image names is known not to be root.
Result<void> check_not_root(Engine& engine, const ContainerPlan& container) {
  const auto image = TRY(engine.find_image(container.spec.image));
  const auto user = image.config.user.substr(0, image.config.user.find(':'));
  const bool number = !user.empty() && user.find_first_not_of("0123456789") == std::string::npos;
  if (number && user.find_first_not_of('0') != std::string::npos) return ok();
  return Error(Errc::invalid,
               fmt::format("{}runAsNonRoot is set, and the image's user {}", container.where,
                           user.empty() || number ? "is root" : fmt::format("'{}' is no number", printable(user))))
      .with_hint("set runAsUser");
}

// What a play that was killed has left of an earlier pod of this name: a volume that goes with a pod, of none.
void drop_leftover(Engine& engine, const std::string& name) {
  const auto volume = engine.find_volume(name, Engine::Lookup::exact);
  if (volume && volume->anonymous && volume->users.empty()) {
    engine.remove_volume(name, {}).ignore("it is in use by now, or making it anew says that it is there");
  }
}

class Player {
 public:
  Player(Engine& engine, const PlayOptions& options, Undo& undo) : engine_(engine), options_(options), undo_(undo) {}

  Result<void> make_secret(const SecretPlan& secret, PlayReport& report) {
    SecretOptions options;
    options.name = secret.name;
    options.labels = secret.labels;
    const auto id = TRY(engine_.create_secret(options, secret.document));
    undo_.add([&engine = engine_, id] { engine.remove_secret(id).ignore("undoing"); });
    report.secrets.push_back(id);
    return ok();
  }

  Result<void> make_volume(const VolumeOptions& options) {
    if (options.ignore_existing && engine_.find_volume(options.name, Engine::Lookup::exact)) return ok();
    const auto volume = TRY(engine_.create_volume(options));
    // Containers of others that have begun to use it keep it.
    undo_.add([&engine = engine_, name = volume.name] { engine.remove_volume(name, {}).ignore("undoing"); });
    return ok();
  }

  // Its name is the pod's as long as there is the pod, which therefore comes first.
  Result<PlayedPod> make_pod(const PodPlan& plan) {
    for (const auto& check : plan.host_paths) TRY(settle_host_path(check, undo_));
    auto spec = plan.spec;
    spec.shared.create_command = options_.create_command;
    PodCreateOptions create;
    create.origin = plan.origin;
    const auto info = TRY(pod_verbs(engine_).create(std::move(spec), create));
    const auto volumes = std::make_shared<std::vector<std::string>>();
    undo_.add([&engine = engine_, id = info.id, volumes] {
      pod_verbs(engine).remove(id, {.force = true, .timeout = {}}).ignore("undoing");
      for (const auto& name : *volumes) engine.remove_volume(name, {}).ignore("undoing");
    });
    for (const auto& volume : plan.volumes) {
      drop_leftover(engine_, volume.name);
      volumes->push_back(TRY(engine_.create_volume(volume)).name);
    }
    PlayedPod pod{info.id, info.name, {}, {}};
    for (const auto& container : plan.containers) {
      const auto id = TRY(make_container(container, info.id));
      (container.role == ContainerPlan::Role::init ? pod.init_containers : pod.containers).push_back(id);
    }
    return pod;
  }

 private:
  Result<ContainerId> make_container(const ContainerPlan& plan, const PodId& pod) {
    CreateOptions create;
    create.pull = options_.pull;
    create.pull.policy = plan.pull;
    auto spec = plan.spec;
    spec.pod = pod.hex;
    spec.create_command = options_.create_command;
    const auto info = TRY(engine_.create(std::move(spec), create));
    if (plan.not_root) TRY(check_not_root(engine_, plan));
    return info.id;
  }

  Engine& engine_;
  const PlayOptions& options_;
  Undo& undo_;
};

// A member that fails is a failure of the pod.
Result<void> start_pod(Engine& engine, const PlayedPod& pod) {
  auto errors = TRY(pod_verbs(engine).start(pod.id));
  if (errors.empty()) return ok();
  auto& [member, error] = errors.front();
  return std::move(error).context(fmt::format("start container '{}'", member.name));
}

// Other pods may come into it at any time: it stays.
Result<void> make_network(Engine& engine, const std::string& name, const std::vector<PodPlan>& pods) {
  const auto is_in = [&](const PodPlan& pod) {
    const auto& networks = pod.spec.shared.network.networks;
    return std::any_of(networks.begin(), networks.end(), [&](const auto& one) { return one.network == name; });
  };
  if (name.empty() || std::none_of(pods.begin(), pods.end(), is_in)) return ok();
  if (network_verbs(engine).find(name)) return ok();
  NetworkOptions options;
  options.name = name;
  options.ignore_existing = true;
  (void)TRY(network_verbs(engine).create(options));
  return ok();
}

Result<PlayReport> make_all(Engine& engine, const Plan& plan, const PlayOptions& options, Undo& undo) {
  PlayReport report;
  Player player(engine, options, undo);
  for (const auto& secret : plan.secrets) TRY(player.make_secret(secret, report));
  for (const auto& claim : plan.claims) {
    TRY(player.make_volume(claim));
    report.volumes.push_back(claim.name);
  }
  TRY(make_network(engine, options.default_network, plan.pods));
  for (const auto& pod : plan.pods) report.pods.push_back(TRY(player.make_pod(pod)));
  for (const auto& pod : report.pods) {
    if (options.start) TRY(start_pod(engine, pod));
  }
  return report;
}

// The volumes of a pod that is going away: those that no other container names.
std::set<std::string> volumes_of(Engine& engine, const PodInfo& pod) {
  std::set<std::string> names;
  for (const auto& member : pod.members) {
    const auto info = engine.find_container(member.id.hex);
    if (!info) continue;
    for (const auto& mount : info->spec.mounts) {
      if (mount.type == MountSpec::Type::volume && !mount.source.empty()) names.insert(mount.source);
    }
  }
  return names;
}

void take_pod(Engine& engine, const PodInfo& pod, DownReport& report) {
  auto& verbs = pod_verbs(engine);
  const auto volumes = volumes_of(engine, pod);
  auto stopped = verbs.stop(pod.id, {});
  if (!stopped) return report.errors.push_back(std::move(stopped).error());
  report.stopped.push_back(pod.id.hex);
  auto removed = verbs.remove(pod.id, {.force = true, .timeout = {}});
  if (!removed) return report.errors.push_back(std::move(removed).error());
  report.removed.push_back(pod.id.hex);
  for (const auto& name : volumes) {
    const auto volume = engine.find_volume(name, Engine::Lookup::exact);
    // One that another container uses stays.
    if (volume && volume->anonymous) engine.remove_volume(name, {}).ignore("it is in use, or gone already");
  }
}

}  // namespace

Result<PlayReport> play(Engine& engine, const Plan& plan, const PlayOptions& options,
                        const std::function<void()>& forget_stop) {
  Undo undo;
  auto report = make_all(engine, plan, options, undo);
  if (report) {
    undo.keep();
  } else if (report.error().code() == Errc::interrupted) {
    forget_stop();
  }
  return report;
}

DownReport take_down(Engine& engine, const Names& names, Claims claims) {
  DownReport report;
  const auto failed = [&](Error error) {
    if (error.code() != Errc::not_found) report.errors.push_back(std::move(error));
  };
  // What the user wants no more is not gone on with.
  const auto stopped = [&] { return !report.errors.empty() && report.errors.back().code() == Errc::interrupted; };
  for (const auto& name : names.pods) {
    auto pod = pod_verbs(engine).find(name);
    // The beginning of an id of another one is not meant.
    if (pod && pod->name == name) take_pod(engine, *pod, report);
    if (!pod) failed(std::move(pod).error());
    if (stopped()) return report;
  }
  for (const auto& name : names.volumes) drop_leftover(engine, name);
  // Neither is the beginning of another secret's id, or of another volume's name.
  for (const auto& name : names.secrets) {
    const auto secret = engine.find_secret(name);
    if (secret && secret->name != name) continue;
    auto removed = engine.remove_secret(secret ? secret->id : name);
    if (removed) report.secrets.push_back(*removed);
    if (!removed) failed(std::move(removed).error());
    if (stopped()) return report;
  }
  if (claims == Claims::kept) return report;
  for (const auto& name : names.claims) {
    const auto volume = engine.find_volume(name, Engine::Lookup::exact);
    auto removed = volume ? engine.remove_volume(volume->name, {}) : Result<void>(volume.error());
    if (removed) report.volumes.push_back(name);
    if (!removed) failed(std::move(removed).error());
  }
  return report;
}

}  // namespace ctr::engine::kube
