// The option table that run and create share.
#include <array>

#include "cli/spec_args.h"

namespace ctr::cli {
namespace {

constexpr std::array k_container_options = {
    list("add-host", 0, "NAME:IP", "Add a line to /etc/hosts"),
    list("annotation", 0, "KEY=VALUE", "Add an annotation to the container"),
    value("arch", 0, "ARCH", "Choose the image for this architecture"),
    list("attach", 'a', "STREAM", "Attach to stdin, stdout or stderr"),
    value("authfile", 0, "FILE", "Read registry credentials from FILE", Complete::files),
    list("cap-add", 0, "CAPABILITY", "Add a capability"),
    list("cap-drop", 0, "CAPABILITY", "Drop a capability"),
    value("cert-dir", 0, "DIR", "Read certificates of registries from DIR", Complete::directories),
    value("cidfile", 0, "FILE", "Write the container's id to FILE", Complete::files),
    value("cpu-period", 0, "MICROSECONDS", "Length of the period that --cpu-quota is for"),
    value("cpu-quota", 0, "MICROSECONDS", "CPU time in one period"),
    value("cpu-shares", 'c', "N", "Relative weight of CPU time"),
    value("cpus", 0, "N", "Number of CPUs, also a fraction"),
    value("cpuset-cpus", 0, "LIST", "CPUs the container may use"),
    value("cpuset-mems", 0, "LIST", "Memory nodes the container may use"),
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
    list("group-add", 0, "GROUP", "Add a supplementary group, or keep-groups"),
    value("hostname", 'h', "NAME", "Name of the container's host"),
    flag("http-proxy", 0, "Pass on the proxy variables of the host (default true)"),
    flag("init", 0, "Run a small init that forwards signals and reaps processes"),
    flag("interactive", 'i', "Keep stdin open"),
    list("label", 'l', "KEY=VALUE", "Add a label"),
    list("label-file", 0, "FILE", "Read labels from FILE", Complete::files),
    value("log-driver", 0, "DRIVER", "Where output goes: k8s-file, json-file, passthrough or none"),
    list("log-opt", 0, "KEY=VALUE", "Option of the log driver: path, max-size, tag"),
    value("memory", 'm', "SIZE", "Memory limit"),
    value("memory-reservation", 0, "SIZE", "Memory that is kept when the host runs short"),
    value("memory-swap", 0, "SIZE", "Limit of memory and swap together; -1 for no limit"),
    list("mount", 0, "SPEC", "Mount: type=bind|volume|tmpfs|devpts,src=…,dst=…,…"),
    value("name", 0, "NAME", "Name of the container"),
    flag("no-healthcheck", 0, "Ignore the image's health check"),
    flag("no-hostname", 0, "Do not write /etc/hostname"),
    flag("no-hosts", 0, "Do not write /etc/hosts"),
    value("oom-score-adj", 0, "N", "Preference of the kernel when memory runs out, -1000 to 1000"),
    value("os", 0, "OS", "Choose the image for this operating system"),
    value("pids-limit", 0, "N", "Limit of processes; -1 for none"),
    value("platform", 0, "OS/ARCH[/VARIANT]", "Choose the image for this platform"),
    flag("privileged", 0, "Give all capabilities and lift the confinement a normal user can lift"),
    value("pull", 0, "POLICY", "When to pull: missing, always, newer or never"),
    flag("quiet", 'q', "Print no progress of a pull"),
    flag("read-only", 0, "Mount the root read-only"),
    flag("read-only-tmpfs", 0, "With --read-only: writable /tmp, /run and /var/tmp (default true)"),
    flag("replace", 0, "Remove a container of the same name first"),
    value("restart", 0, "POLICY", "Only no is supported"),
    value("retry", 0, "N", "Tries of a failing pull"),
    value("retry-delay", 0, "DURATION", "Time between the tries"),
    flag("rm", 0, "Remove the container when it ends"),
    flag("rootfs", 0, "The image word names a directory that is the root"),
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
std::span<const OptionSpec> namespace_options() { return k_namespace_options; }

}  // namespace ctr::cli
