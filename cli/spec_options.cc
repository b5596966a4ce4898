// The option tables that run and create share; that of the limits is for update and clone, too.
#include <array>

#include "cli/spec_args.h"

namespace ctr::cli {
namespace {

constexpr std::array k_limit_options = {
    value("cpu-period", 0, "MICROSECONDS", "Length of the period that --cpu-quota is for"),
    value("cpu-quota", 0, "MICROSECONDS", "CPU time in one period"),
    value("cpu-shares", 'c', "N", "Relative weight of CPU time"),
    value("cpus", 0, "N", "Number of CPUs, also a fraction"),
    value("cpuset-cpus", 0, "LIST", "CPUs the container may use"),
    value("cpuset-mems", 0, "LIST", "Memory nodes the container may use"),
    value("memory", 'm', "SIZE", "Memory limit"),
    value("memory-reservation", 0, "SIZE", "Memory that is kept when the host runs short"),
    value("memory-swap", 0, "SIZE", "Limit of memory and swap together; -1 for no limit"),
    value("pids-limit", 0, "N", "Number of processes; -1 for no limit"),
};

constexpr std::array k_health_options = {
    value("health-cmd", 0, "COMMAND", "Check the program's health with this command: text for a shell or a JSON list"),
    value("health-interval", 0, "DURATION", "Time between two checks (default 30s); disable for none"),
    value("health-max-log-count", 0, "N", "Results that are kept (default 5); 0 keeps all"),
    value("health-max-log-size", 0, "BYTES", "What is kept of the output of a check (default 500); 0 keeps all"),
    value("health-on-failure", 0, "ACTION", "What is done when it is unhealthy: none, kill, restart or stop"),
    value("health-retries", 0, "N", "Failures in a row that make it unhealthy (default 3)"),
    value("health-start-period", 0, "DURATION", "Time from the start in which failures do not count"),
    value("health-startup-cmd", 0, "COMMAND", "Check that has to pass before the regular one begins"),
    value("health-startup-interval", 0, "DURATION", "Time between two startup checks (default 30s)"),
    value("health-startup-retries", 0, "N", "Failures after which the container is started anew; 0 for no limit"),
    value("health-startup-success", 0, "N", "Startup checks in a row that have to pass (default 1)"),
    value("health-startup-timeout", 0, "DURATION", "Time that a startup check may take (default 30s)"),
    value("health-timeout", 0, "DURATION", "Time that a check may take (default 30s)"),
    flag("no-healthcheck", 0, "Ignore the image's health check"),
};

constexpr std::array k_container_options = {
    list("add-host", 0, "NAME:IP", "Add a line to /etc/hosts"),
    list("annotation", 0, "KEY=VALUE", "Add an annotation to the container"),
    value("arch", 0, "ARCH", "Choose the image for this architecture"),
    list("attach", 'a', "STREAM", "Attach to stdin, stdout or stderr"),
    value("authfile", 0, "FILE", "Read registry credentials from FILE", Complete::files),
    list("cap-add", 0, "CAPABILITY", "Add a capability"),
    list("cap-drop", 0, "CAPABILITY", "Drop a capability"),
    value("cert-dir", 0, "DIR", "Read certificates of registries from DIR", Complete::directories),
    list("chrootdirs", 0, "DIR", "A directory of the container that gets hosts, resolv.conf and hostname, too"),
    value("cidfile", 0, "FILE", "Write the container's id to FILE", Complete::files),
    value("conmon-pidfile", 0, "FILE", "Write the number of the container's monitor to FILE", Complete::files),
    value("creds", 0, "USER[:PASSWORD]", "Credentials for the registry"),
    list("device", 0, "HOST[:CONTAINER[:PERMISSIONS]]", "Add a device of the host"),
    flag("disable-content-trust", 0, "Accepted and without effect, as in podman"),
    list("dns", 0, "ADDRESS", "Use this name server"),
    list("dns-option", 0, "OPTION", "Add an option to resolv.conf"),
    list("dns-search", 0, "DOMAIN", "Add a search domain"),
    value("entrypoint", 0, "COMMAND", "Replace the image's entry point: a word or a JSON list"),
    list("env", 'e', "KEY[=VALUE]", "Set a variable; without a value the host's"),
    list("env-file", 0, "FILE", "Read variables from FILE", Complete::files),
    flag("env-host", 0, "Pass on all variables of the host"),
    list("env-merge", 0, "KEY=VALUE", "Set a variable of the image; ${NAME} in it is the image's value"),
    list("group-add", 0, "GROUP", "Add a supplementary group, or keep-groups"),
    value("group-entry", 0, "ENTRY", "The line for the user's group in /etc/group"),
    value("hostname", 'h', "NAME", "Name of the container's host"),
    value("hosts-file", 0, "FILE", "What /etc/hosts begins with: a file, image or none", Complete::files),
    list("hostuser", 0, "NAME", "Add a user of the host to /etc/passwd"),
    flag("http-proxy", 0, "Pass on the proxy variables of the host (default true)"),
    value("image-volume", 0, "MODE", "What is mounted where the image has volumes: bind, tmpfs or ignore"),
    flag("init", 0, "Run a small init that forwards signals and reaps processes"),
    value("init-path", 0, "FILE", "The init that --init runs", Complete::files),
    flag("interactive", 'i', "Keep stdin open"),
    list("label", 'l', "KEY=VALUE", "Add a label"),
    list("label-file", 0, "FILE", "Read labels from FILE", Complete::files),
    value("log-driver", 0, "DRIVER", "Where output goes: k8s-file, json-file, passthrough or none"),
    list("log-opt", 0, "KEY=VALUE", "Option of the log driver: path, max-size, tag"),
    list("mount", 0, "SPEC", "Mount: type=bind|volume|tmpfs|ramfs|image|devpts|glob,src=…,dst=…,…"),
    value("name", 0, "NAME", "Name of the container"),
    flag("no-hostname", 0, "Do not write /etc/hostname"),
    flag("no-hosts", 0, "Do not write /etc/hosts"),
    value("oom-score-adj", 0, "N", "Preference of the kernel when memory runs out, -1000 to 1000"),
    value("os", 0, "OS", "Choose the image for this operating system"),
    value("passwd-entry", 0, "ENTRY", "The line for the user in /etc/passwd"),
    value("pidfile", 0, "FILE", "Write the number of the container's first process to FILE", Complete::files),
    value("platform", 0, "OS/ARCH[/VARIANT]", "Choose the image for this platform"),
    flag("privileged", 0, "Give all capabilities and lift the confinement a normal user can lift"),
    value("pull", 0, "POLICY", "When to pull: missing, always, newer or never"),
    flag("quiet", 'q', "Print no progress of a pull"),
    flag("read-only", 0, "Mount the root read-only"),
    flag("read-only-tmpfs", 0, "With --read-only: writable /tmp, /run and /var/tmp (default true)"),
    flag("replace", 0, "Remove a container of the same name first"),
    list("requires", 0, "CONTAINER", "A container that is started before this one", Complete::containers),
    value("restart", 0, "POLICY",
          "When to start it again after its end: no, on-failure[:RETRIES], always or unless-stopped"),
    value("retry", 0, "N", "Tries of a failing pull"),
    value("retry-delay", 0, "DURATION", "Time between the tries"),
    flag("rm", 0, "Remove the container when it ends"),
    flag("rootfs", 0, "The image word names a directory that is the root"),
    value("runtime", 0, "RUNTIME", "The OCI runtime: ctr itself (the default), a path, or a name as crun",
          Complete::files),
    list("secret", 0, "SECRET[,OPTIONS]", "Give the container a secret: type=mount|env, target, uid, gid, mode",
         Complete::secrets),
    list("security-opt", 0, "OPTION", "no-new-privileges, seccomp=FILE, apparmor=…, label=disable, mask=…, unmask=…"),
    value("shm-size", 0, "SIZE", "Size of /dev/shm"),
    value("stop-signal", 0, "SIGNAL", "Signal that stop sends"),
    value("stop-timeout", 0, "SECONDS", "Time between stop's signal and SIGKILL"),
    list("sysctl", 0, "NAME=VALUE", "Set a kernel parameter of the container's namespaces"),
    value("systemd", 0, "MODE", "Only false is supported"),
    value("timeout", 0, "SECONDS", "Kill the container after this time"),
    flag("tls-verify", 0, "Verify certificates of registries (default true)"),
    list("tmpfs", 0, "DIR[:OPTIONS]", "Mount a tmpfs"),
    flag("tty", 't', "Give the program a terminal"),
    value("tz", 0, "ZONE", "Time zone: a name, or local"),
    list("ulimit", 0, "NAME=SOFT[:HARD]", "Resource limit"),
    value("umask", 0, "MODE", "Umask of the program, octal"),
    list("unsetenv", 0, "KEY", "Leave out a variable of the image"),
    flag("unsetenv-all", 0, "Leave out all variables of the image"),
    value("user", 'u', "USER[:GROUP]", "User and group to run as"),
    value("variant", 0, "VARIANT", "Choose the image for this variant"),
    list("volume", 'v', "[SOURCE:]DIR[:OPTIONS]", "Mount a directory of the host or a volume", Complete::files),
    list("volumes-from", 0, "CONTAINER[:OPTIONS]", "Mount what another container has mounted: ro, rw, z",
         Complete::containers),
    value("workdir", 'w', "DIR", "Working directory"),
};

constexpr std::array k_namespace_options = {
    value("cgroup-parent", 0, "PARENT", "Where the container's cgroup is made: a slice, or with cgroupfs a directory"),
    value("cgroupns", 0, "MODE", "Cgroup namespace: private, host, container:NAME or ns:PATH"),
    value("cgroups", 0, "MODE", "Cgroups of container and monitor: enabled, disabled, no-conmon or split"),
    value("ipc", 0, "MODE", "IPC namespace: private, host, shareable, none, container:NAME or ns:PATH"),
    list("network", 0, "MODE", "Network: private, none, host, slirp4netns, container:NAME or ns:PATH"),
    value("pid", 0, "MODE", "Process namespace: private, host, container:NAME or ns:PATH"),
    value("userns", 0, "MODE", "User namespace: host, keep-id[:uid=N,gid=N] or nomap"),
    value("uts", 0, "MODE", "UTS namespace: private, host, container:NAME or ns:PATH"),
};

}  // namespace

std::span<const OptionSpec> container_options() { return k_container_options; }
std::span<const OptionSpec> health_options() { return k_health_options; }
std::span<const OptionSpec> limit_options() { return k_limit_options; }
std::span<const OptionSpec> namespace_options() { return k_namespace_options; }

}  // namespace ctr::cli
