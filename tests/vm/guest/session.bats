# In a systemd user session with delegated cgroup v2, on the distribution's kernel.
bats_require_minimum_version 1.5.0

image=127.0.0.1:5001/busybox:latest

setup_file() {
  mkdir -p ~/.config/containers
  printf '[[registry]]\nlocation = "127.0.0.1:5001"\ninsecure = true\n' >~/.config/containers/registries.conf
  ctr pull -q "$image"
}

teardown() { ctr rm -fa >/dev/null 2>&1 || true; }

@test "doctor finds nothing that keeps run from working, and cgroups delegated" {
  run ctr doctor
  echo "$output"
  [ "$status" -eq 0 ]
  [[ "$output" == *"cgroup v2"* ]]
  [[ "$output" == *"the kernel mounts it"* ]]
}

@test "info shows native overlay and cgroup v2" {
  [ "$(ctr info --format '{{.Store.GraphDriverName}}')" = overlay ]
  [ "$(ctr info --format '{{.Host.CgroupsVersion}}')" = v2 ]
}

@test "run works with the private network" {
  run -0 ctr run --rm "$image" sh -c 'ip -4 addr show eth0 && ip route'
  [[ "$output" == *10.0.2.100/24* ]]
  [[ "$output" == *"default via 10.0.2.2"* ]]
}

@test "a memory limit is what the container sees, and what kills it" {
  [ "$(ctr run --rm --network none --memory 64m "$image" cat /sys/fs/cgroup/memory.max)" = 67108864 ]
  run ctr run --name hog --network none --memory 16m --memory-swap 16m "$image" sh -c 'a=x; while :; do a=$a$a; done'
  [ "$status" -eq 137 ]
  [ "$(ctr inspect --format '{{.State.OOMKilled}}' hog)" = true ]
}

@test "a process limit stops a fork bomb" {
  [ "$(ctr run --rm --network none --pids-limit 20 "$image" cat /sys/fs/cgroup/pids.max)" = 20 ]
  ctr run -d --name bomb --network none --pids-limit 20 "$image" sh -c 'while :; do sleep 100 & done' >/dev/null
  ctr rm -f -t 0 bomb
  [ -z "$(pgrep -x -u tester sleep)" ]
}

@test "without a limit asked for, 2048 processes are allowed" {
  [ "$(ctr run --rm --network none "$image" cat /sys/fs/cgroup/pids.max)" = 2048 ]
}

@test "a cpu limit is written" {
  [ "$(ctr run --rm --network none --cpus 0.5 "$image" cat /sys/fs/cgroup/cpu.max)" = "50000 100000" ]
}

@test "no cgroup is left when the container has ended" {
  ctr run --rm --network none --memory 64m "$image" true
  [ -z "$(find /sys/fs/cgroup/user.slice -name 'ctr-*' 2>/dev/null)" ]
}

@test "a container as a service of the user's systemd ends with the unit" {
  systemd-run --user --quiet --unit=web --service-type=exec ctr run --rm --init --name web --network none "$image" sleep 1000
  for _ in $(seq 100); do ctr exec web true 2>/dev/null && break; sleep 0.1; done
  [ "$(ctr inspect --format '{{.State.Status}}' web)" = running ]
  systemctl --user stop web
  run ctr container exists web
  [ "$status" -eq 1 ]
}

@test "keep-id shows the user's own files as his" {
  [ "$(ctr run --rm --network none --userns keep-id "$image" id -u)" = 1000 ]
  [ "$(ctr run --rm --network none --userns keep-id -v "$HOME:/h" "$image" stat -c %u /h)" = 1000 ]
  [ "$(ctr run --rm --network none --userns keep-id "$image" stat -c %u /bin)" = 0 ]
}
