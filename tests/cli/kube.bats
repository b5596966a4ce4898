#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016
# Kubernetes YAML: played, taken down, generated and brought to a cluster.

load helpers

setup_file() {
  start_test_file
  pull_busybox
}
teardown_file() { end_test_file; }
setup() { cd "$BATS_TEST_TMPDIR" || return 1; }
teardown() {
  ctr kube down --force play.yaml >/dev/null 2>&1 || true
  assert_nothing_left
}

head_of_pod() {
  printf 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: %s\n  labels: {app: %s}\nspec:\n' "$1" "$1"
  printf '  terminationGracePeriodSeconds: 0\n'
}
# pod NAME [LINE...]: a pod of one container that sleeps, with further lines of the container.
pod() {
  head_of_pod "$1"
  shift
  printf '  containers:\n  - name: c\n    image: %s\n' "$IMAGE"
  printf '    imagePullPolicy: IfNotPresent\n    command: [sleep, "1000"]\n'
  [ $# = 0 ] || printf '    %s\n' "$@"
}
play() { ctr kube play --network none "$@"; }
is_ready() { [ "$(ctr inspect -f '{{.State.Ready}}' p-c)" = true ]; }
nothing_is_left() {
  [ -z "$(ctr pod ps -q)$(ctr ps -aq)$(ctr volume ls -q)$(ctr secret ls -q)" ] || fail "$(ctr pod ps; ctr ps -a; ctr volume ls; ctr secret ls)"
}

@test "a pod is played and taken down, and nothing is left" {
  pod p >play.yaml
  run -0 play play.yaml
  assert_match $'^Pod:\n[0-9a-f]{64}\nContainer:\n[0-9a-f]{64}$'
  [ "${lines[1]}" = "$(ctr pod ps -q --no-trunc)" ]
  [ "${lines[3]}" = "$(ctr ps -q --no-trunc)" ]
  run -0 ctr ps --format '{{.Names}} {{.State}}'
  assert_output 'p-c running'
  run -0 ctr exec p-c cat /proc/1/cmdline
  assert_contains sleep
  run -0 ctr pod inspect -f '{{.State}} {{.Hostname}} {{.ExitPolicy}} {{.Labels}}' p
  assert_output 'Running p stop map[app:p]'
  id=$(ctr pod ps -q --no-trunc)
  run -0 ctr kube down play.yaml
  assert_output "Pods stopped:
$id
Pods removed:
$id
Secrets removed:
Volumes removed:"
  nothing_is_left
}

@test "a file comes from stdin or a server, and a pod that is there is replaced" {
  pod p | play - >/dev/null
  run -125 play - < <(pod p)
  assert_contains 'name "p" is in use: pod already exists'
  id=$(ctr pod ps -q)
  pod p >play.yaml
  run -0 play --replace play.yaml
  [ "$(ctr pod ps -q)" != "$id" ]
  [ "$(ctr ps -q | wc -l)" = 1 ]
  run -0 play --down play.yaml
  nothing_is_left
  python3 -u -m http.server --bind 127.0.0.1 0 >server.log 2>&1 &
  server=$!
  has_port() { grep -q 'port [0-9]' server.log; }
  wait_for has_port || { kill "$server"; fail "$(cat server.log)"; }
  port=$(grep -o 'port [0-9]*' server.log | cut -d ' ' -f 2)
  run ctr play kube --start=false --network none "http://127.0.0.1:$port/play.yaml"
  kill "$server"
  assert_status 0
  [ "$(ctr ps -a --format '{{.State}}')" = created ]
}

@test "a field that is not supported is refused with its line, unless it is to be left out" {
  pod p 'gravity: strong' >play.yaml
  run -125 play play.yaml
  assert_output 'Error: play.yaml:13: spec.containers[0].gravity: not supported
hint: with --ignore-unsupported such fields are left out'
  nothing_is_left
  run -0 play --ignore-unsupported play.yaml
  assert_contains 'play.yaml:13: spec.containers[0].gravity: not supported'
  run -125 ctr kube play --build play.yaml
  assert_contains '--build: images cannot be built yet'
  printf 'apiVersion: apps/v1\nkind: StatefulSet\n' >set.yaml
  run -125 play set.yaml
  assert_contains "set.yaml:2: kind: 'StatefulSet' is not supported"
}

@test "a step that fails leaves nothing behind" {
  {
    printf 'apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\n---\n'
    printf 'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: b}\n---\n'
    pod first 'volumeMounts: [{name: d, mountPath: /d}, {name: h, mountPath: /h}]'
    printf '  volumes:\n  - {name: d, emptyDir: {}}\n  - name: h\n    hostPath: {path: %s/made/dir, type: DirectoryOrCreate}\n---\n' "$PWD"
    pod second | sed 's/sleep, "1000"/nosuch/'
  } >play.yaml
  run -127 play play.yaml
  assert_contains "start container 'second-c'"
  nothing_is_left
  [ ! -e made ]
}

@test "what is taken down has the very names of the file, and what a killed play has left is no obstacle" {
  secret=$(echo x | ctr secret create other -)
  ctr volume create database >/dev/null
  printf 'apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\n---\n' >names.yaml
  printf 'apiVersion: v1\nkind: Secret\nmetadata: {name: "%s"}\nstringData: {a: b}\n' "${secret:0:12}" >>names.yaml
  run -0 ctr kube down --force names.yaml
  assert_output $'Pods stopped:\nPods removed:\nSecrets removed:\nVolumes removed:'
  run -0 ctr secret rm other
  run -0 ctr volume rm database
  pod p 'volumeMounts: [{name: d, mountPath: /d}]' >play.yaml
  printf '  volumes: [{name: d, emptyDir: {}}]\n' >>play.yaml
  ctr volume create p-d >/dev/null
  run -125 play play.yaml
  assert_contains 'volume with name p-d already exists'
  run -0 ctr volume rm p-d
  play --start=false play.yaml >/dev/null
  ctr rm p-c >/dev/null
  ctr pod rm p >/dev/null
  run -0 ctr volume ls -q
  assert_output p-d
  play play.yaml >/dev/null
  ctr rm -f -t 0 p-c >/dev/null
  run -0 ctr kube down play.yaml
  nothing_is_left
}

@test "taking down that is interrupted leaves what the pods still use" {
  printf 'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: b}\n---\n' >play.yaml
  pod p | sed 's/PeriodSeconds: 0/PeriodSeconds: 20/; s/sleep, "1000"/sh, -c, "trap \\"echo asked\\" TERM; while :; do sleep 0.1; done"/' >>play.yaml
  play play.yaml >/dev/null
  ctr kube down play.yaml >out 2>&1 3>&- &
  down=$!
  wait_for eval 'ctr logs p-c | grep -q asked'
  kill -TERM "$down"
  code=0
  wait "$down" || code=$?
  [ "$code" = 143 ] || fail "$code: $(cat out)"
  [ "$(ctr secret ls --format '{{.Name}}')" = s ]
  ctr pod rm -f -t 0 p >/dev/null
  run -0 ctr kube down play.yaml
  nothing_is_left
}

@test "variables and files come from ConfigMaps and Secrets" {
  printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {color: blue}\n' >map.yaml
  {
    printf 'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {token: c2VjcmV0}\n---\n'
    pod p 'args: ["$(color)"]' 'envFrom: [{configMapRef: {name: m}}]' \
      'env: [{name: TOKEN, valueFrom: {secretKeyRef: {name: s, key: token}}}]' \
      'volumeMounts: [{name: m, mountPath: /m}, {name: s, mountPath: /s, readOnly: true}]' |
      sed 's/\[sleep, "1000"\]/[sh, -c, "echo $(color) $TOKEN; exec sleep 1000"]/'
    printf '  volumes:\n  - {name: m, configMap: {name: m}}\n'
    printf '  - {name: s, secret: {secretName: s, items: [{key: token, path: a/t, mode: 0400}]}}\n'
  } >play.yaml
  run -125 play play.yaml
  assert_contains "there is no ConfigMap 'm'"
  run -0 play --configmap map.yaml play.yaml
  assert_match $'^Secrets:\n[0-9a-f]{25}\nPod:'
  has_said() { [ "$(ctr logs p-c)" = 'blue secret' ]; }
  wait_for has_said
  run -0 ctr exec p-c sh -c 'cat /m/color; stat -c %a /m/color; cat /s/a/t; stat -c %a /s/a/t; touch /s/x 2>&1'  || true
  assert_contains $'blue644\nsecret400'
  # What is told of it has the files, too.
  ctr kube generate --podman-only p >again.yaml
  run -0 ctr kube down play.yaml
  assert_match $'Secrets removed:\n[0-9a-f]{25}'
  nothing_is_left
  sed -n '/^kind: Secret/,/^---/p' play.yaml | sed '1i apiVersion: v1' | cat - again.yaml >whole.yaml
  play whole.yaml >/dev/null
  run -0 ctr exec p-c sh -c 'cat /m/color /s/a/t'
  assert_output bluesecret
  ctr kube generate --podman-only p | diff again.yaml -
  run -0 ctr kube down whole.yaml
  nothing_is_left
}

@test "containers of a pod share its volumes, and init containers and sidecars come first" {
  { head_of_pod p; cat; } >play.yaml <<YAML
  shareProcessNamespace: true
  volumes: [{name: d, emptyDir: {}}, {name: tmp, emptyDir: {medium: Memory, sizeLimit: 1Mi}}]
  initContainers:
  - {name: first, image: $IMAGE, command: [sh, -c, "echo first >/d/log"], volumeMounts: [{name: d, mountPath: /d}]}
  - name: side
    image: $IMAGE
    restartPolicy: Always
    command: [sh, -c, "echo side >>/d/log; touch /d/up; exec sleep 1000"]
    startupProbe: {exec: {command: [test, -e, /d/up]}, periodSeconds: 1}
    volumeMounts: [{name: d, mountPath: /d}]
  - {name: second, image: $IMAGE, command: [sh, -c, "echo second >>/d/log"], volumeMounts: [{name: d, mountPath: /d}]}
  containers:
  - name: main
    image: $IMAGE
    command: [sh, -c, "cat /d/log; df -m /tmp | tail -1; pidof sleep; exec sleep 1000"]
    volumeMounts: [{name: d, mountPath: /d}, {name: tmp, mountPath: /tmp}]
YAML
  run -0 play play.yaml
  assert_contains 'Init Containers:'
  said() { ctr logs p-main | grep -q '^first$' && [ "$(ctr logs p-main | wc -l)" -ge 5 ]; }
  wait_for said
  run -0 ctr logs p-main
  [ "${lines[0]} ${lines[1]} ${lines[2]}" = 'first side second' ]
  assert_match 'tmpfs +1 '
  run -0 ctr ps --format '{{.Names}}' --sort names
  assert_output $'p-main\np-side'
  run -0 ctr kube down play.yaml
  nothing_is_left
}

@test "a volume in memory is one for all containers of a pod, and ends with it" {
  pod p 'volumeMounts: [{name: m, mountPath: /m}]' >play.yaml
  printf '  - name: d\n    image: %s\n    command: [sleep, "1000"]\n    volumeMounts: [{name: m, mountPath: /n, readOnly: true}]\n' "$IMAGE" >>play.yaml
  printf '  volumes: [{name: m, emptyDir: {medium: Memory, sizeLimit: 1Mi}}]\n' >>play.yaml
  play play.yaml >/dev/null
  ctr exec p-c sh -c 'echo shared >/m/f'
  run -0 ctr exec p-d sh -c 'cat /n/f; df -k /n | tail -1; touch /n/x'  || true
  [ "${lines[0]}" = shared ]
  assert_match '1024 .* /n'
  assert_contains 'Read-only file system'
  run ctr exec p-c dd if=/dev/zero of=/m/large bs=1M count=2
  assert_contains 'No space left'
  # A container that starts anew finds what was there.
  ctr restart -t 0 p-c >/dev/null
  run -0 ctr exec p-c cat /m/f
  assert_output shared
  run -0 ctr kube generate p
  assert_contains 'sizeLimit: "1048576"'
  ctr pod restart p >/dev/null
  run -0 ctr exec p-d ls /n
  assert_output ''
  # Where the ids of the pod are others, too.
  run -0 play --replace --userns keep-id play.yaml
  ctr exec p-c sh -c 'echo again >/m/f'
  run -0 ctr exec p-d cat /n/f
  assert_output again
  run -0 ctr kube down play.yaml
  nothing_is_left
}

@test "what an init container leaves in memory is there for the others, whoever they are" {
  { head_of_pod p; cat; } >play.yaml <<YAML
  securityContext: {fsGroup: 3000, runAsUser: 1000}
  volumes: [{name: m, emptyDir: {medium: Memory}}]
  initContainers:
  - {name: first, image: $IMAGE, command: [sh, -c, "echo first >/m/f"], volumeMounts: [{name: m, mountPath: /m}]}
  containers:
  - {name: c, image: $IMAGE, command: [sleep, "1000"], volumeMounts: [{name: m, mountPath: /m}]}
YAML
  play play.yaml >/dev/null
  run -0 ctr exec p-c sh -c 'cat /m/f; stat -c "%a %g" /m'
  assert_output $'first\n2777 3000'
  # The pod has been up all the time.
  pod_stops() { ctr events --stream=false --filter "pod=$(ctr pod ps -q --no-trunc)" --filter event=stop --format '{{.Type}}'; }
  run -0 pod_stops
  assert_output ''
  # After the end of the last one it goes down.
  ctr kill p-c >/dev/null
  is_over() { [ "$(ctr pod inspect -f '{{.State}}' p)" = Exited ]; }
  wait_for is_over
  has_stopped() { [ "$(pod_stops)" = pod ]; }
  wait_for has_stopped
  run -0 ctr kube down play.yaml
  nothing_is_left
}

@test "parts of volumes are made where they are not there, and an init container may have put a file there" {
  mkdir host
  {
    printf 'apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\n---\n'
    head_of_pod p
    cat <<YAML
  securityContext: {fsGroup: 3000}
  volumes:
  - {name: d, persistentVolumeClaim: {claimName: data}}
  - {name: h, hostPath: {path: $PWD/host/new/, type: DirectoryOrCreate}}
  - {name: e, emptyDir: {}}
  - {name: m, emptyDir: {medium: Memory, sizeLimit: 1Mi}}
  initContainers:
  - {name: i, image: $IMAGE, command: [sh, -c, "echo made >/e/file; ln -s /etc /e/out"], volumeMounts: [{name: e, mountPath: /e}]}
  containers:
  - name: c
    image: $IMAGE
    command: [sleep, "1000"]
    securityContext: {runAsUser: 1000}
    volumeMounts:
    - {name: d, mountPath: /d, subPath: a/b}
    - {name: h, mountPath: /h, subPath: part}
    - {name: e, mountPath: /e, subPath: file}
    - {name: e, mountPath: /out, subPath: out/deep}
    - {name: m, mountPath: /m, subPath: one}
    - {name: m, mountPath: /n, subPath: two, readOnly: true}
YAML
  } >play.yaml
  run -0 play play.yaml
  run -0 ctr exec p-c sh -c 'cat /e; echo x >/m/f; stat -c "%a %g" /m; ls /n; ls -d /d /h; touch /n/f'  || true
  assert_contains $'made\n2777 3000\n/d\n/h'
  assert_contains 'Read-only file system'
  # A link that a container has left leads nowhere but below its volume.
  run -0 ctr exec p-c ls /out
  assert_output ''
  [ -d host/new/part ]
  [ ! -e /etc/deep ]
  # At the next start what is there is mounted.
  ctr restart -t 0 p-c >/dev/null
  run -0 ctr exec p-c cat /e
  assert_output made
  run -0 ctr kube generate p
  assert_contains 'subPath: one'
  run -0 ctr kube down --force play.yaml
  nothing_is_left
}

@test "pods of one file are generated together, and a pod can have the ids that its annotation says" {
  {
    printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {a: b}\n'
    for name in p q; do
      printf -- '---\n'
      pod "$name" 'volumeMounts: [{name: m, mountPath: /m}]' |
        sed 's/^  labels: /  annotations: {io.podman.annotations.userns: "keep-id:uid=7,gid=8"}\n&/'
      printf '  volumes: [{name: m, configMap: {name: m}}]\n'
    done
  } >play.yaml
  play play.yaml >/dev/null
  run -0 ctr exec p-c sh -c 'id -u; cat /proc/self/uid_map'
  assert_match ' 7 +0 +1'
  ctr kube generate --podman-only p q >again.yaml
  [ "$(grep -c 'kind: ConfigMap' again.yaml)" = 1 ]
  play --replace again.yaml >/dev/null
  run -0 ctr exec q-c cat /m/a
  assert_output b
  ctr kube generate --podman-only p q | diff again.yaml -
  run -0 ctr kube down play.yaml
  nothing_is_left
}

@test "what a claim holds outlives the pod, until it is taken down by force" {
  {
    printf 'apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\n---\n'
    pod p 'volumeMounts: [{name: d, mountPath: /d}]'
    printf '  volumes: [{name: d, persistentVolumeClaim: {claimName: data}}]\n'
  } >play.yaml
  play play.yaml >/dev/null
  ctr exec p-c sh -c 'echo kept >/d/f'
  run -0 play --replace play.yaml
  assert_match $'^Volumes:\ndata\nPod:'
  run -0 ctr exec p-c cat /d/f
  assert_output kept
  run -0 ctr kube down --force play.yaml
  assert_line data
  nothing_is_left
}

@test "a container that does not live is started again, and one that is not ready is told" {
  pod p 'livenessProbe: {exec: {command: [test, "!", -e, /sick]}, periodSeconds: 1, failureThreshold: 1}' \
    'readinessProbe: {tcpSocket: {port: 1000}, periodSeconds: 1}' \
    'lifecycle: {postStart: {exec: {command: [touch, /hooked]}}}' |
    sed 's/\[sleep, "1000"\]/[sh, -c, "test -e \/again || touch \/again; exec sleep 1000"]/' >play.yaml
  play play.yaml >/dev/null
  is_healthy() { [ "$(ctr inspect -f '{{.State.Health.Status}}' p-c)" = healthy ]; }
  wait_for is_healthy
  hooked() { ctr exec p-c test -e /hooked; }
  wait_for hooked
  [ "$(ctr inspect -f '{{.State.Ready}}' p-c)" = false ]
  ctr exec -d p-c httpd -f -p 1000
  wait_for is_ready
  before=$(ctr inspect -f '{{.State.StartedAt}}' p-c)
  ctr exec p-c touch /sick
  started_anew() { [ "$(ctr inspect -f '{{.State.StartedAt}}' p-c)" != "$before" ]; }
  wait_for started_anew
  ctr exec p-c rm -f /sick || true
}

@test "a container whose postStart hook fails is killed, and preStop runs before the end" {
  pod p 'lifecycle: {postStart: {exec: {command: ["false"]}}}' | sed 's/^spec:/spec:\n  restartPolicy: Never/' >play.yaml
  play play.yaml >/dev/null
  killed() { [ "$(ctr inspect -f '{{.State.Status}} {{.State.ExitCode}}' p-c)" = 'exited 137' ]; }
  wait_for killed
  ctr kube down play.yaml >/dev/null
  pod p 'volumeMounts: [{name: h, mountPath: /h}]' 'lifecycle: {preStop: {exec: {command: [touch, /h/stopped]}}}' |
    sed 's/PeriodSeconds: 0/PeriodSeconds: 5/; s/\[sleep, "1000"\]/[sh, -c, "trap exit TERM; sleep 1000 \& wait"]/' >play.yaml
  printf '  volumes: [{name: h, hostPath: {path: %s/h, type: DirectoryOrCreate}}]\n' "$PWD" >>play.yaml
  play play.yaml >/dev/null
  ctr kube down play.yaml >/dev/null
  [ -e h/stopped ]
}

@test "play waits for the end of the pods when asked to, and removes them" {
  pod p | sed 's/sleep, "1000"/"true"/; s/^spec:/spec:\n  restartPolicy: Never/' >play.yaml
  run -0 play --wait play.yaml
  assert_contains 'Pods removed:'
  nothing_is_left
  pod p >play.yaml
  ctr kube play --network none --wait play.yaml >out 2>&1 &
  waiter=$!
  is_played() { grep -q Container: out; }
  wait_for is_played
  kill -TERM "$waiter"
  wait "$waiter" || fail "$(cat out)"
  grep -q 'Pods removed:' out
  nothing_is_left
}

@test "what is generated is played to the same, and kubectl takes it" {
  ctr volume create cache >/dev/null
  ctr create --name web --network none -e 'A=$(b) $$' -e B=yes -w /bin --user 7:8 --cap-drop all --read-only \
    --read-only-tmpfs=false -v cache:/cache --stop-timeout 0 --restart always --ulimit nofile=10:20 "$IMAGE" sleep 1000 >/dev/null
  run -0 ctr kube generate -s web
  assert_contains 'warning'
  run -0 --separate-stderr ctr kube generate --podman-only web
  [ -z "$stderr" ]
  echo "$output" >play.yaml
  ctr generate kube cache >claim.yaml
  printf -- '---\n' >>play.yaml
  cat claim.yaml >>play.yaml
  # kubectl asks the cluster for the names of kinds alone.
  start_cluster
  for kind in deployment daemonset job; do
    printf -- '---\n' >>all.yaml
    ctr kube generate --podman-only -s -t "$kind" web >>all.yaml
  done
  run kubectl --kubeconfig config create --dry-run=client --validate=false -o name -f play.yaml -f all.yaml
  kill "$cluster"
  assert_status 0
  assert_output "pod/web-pod
persistentvolumeclaim/cache
deployment.apps/web
service/web-pod
daemonset.apps/web
service/web-pod
job.batch/web
service/web-pod"
  play --start=false play.yaml >/dev/null
  settings() {
    ctr inspect "$1" | jq -S '.[0] | [[.Config.Env[] | select(startswith("HOSTNAME=") | not)], .Config.Cmd, .Config.WorkingDir, .Config.User, .Config.StopTimeout,
      .HostConfig.CapDrop, .HostConfig.ReadonlyRootfs, .HostConfig.Ulimits, .HostConfig.RestartPolicy,
      [.Mounts[] | [.Name, .Destination]]]'
  }
  [ "$(settings web)" = "$(settings web-pod-web)" ] || fail "$(diff <(settings web) <(settings web-pod-web))"
  # And of a pod.
  ctr kube generate --podman-only web-pod >again.yaml
  ctr kube down play.yaml >/dev/null
  play --start=false again.yaml >/dev/null
  ctr kube generate --podman-only web-pod | diff again.yaml -
  ctr kube generate -f file.yaml web
  run -125 ctr kube generate -f file.yaml web
  assert_contains 'cannot write to "file.yaml"; file exists'
  run -125 ctr kube generate nosuch
  assert_contains 'name or ID "nosuch" not found'
  ctr rm web >/dev/null
  ctr kube down --force play.yaml >/dev/null
  nothing_is_left
}

# A certificate in cert.pem, with its key in key.pem: certificate NAME [OPTION...]
certificate() {
  openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj "/CN=$1" "${@:2}" 2>/dev/null
}

# start_cluster: a fake one, and `config` with the access to it; $cluster is its process.
start_cluster() {
  certificate api -addext subjectAltName=IP:127.0.0.1
  "$cli_dir/fake-cluster" cert.pem key.pem requests >port 2>cluster.log &
  cluster=$!
  has_cluster_port() { [ -s port ]; }
  wait_for has_cluster_port || { kill "$cluster"; fail "$(cat cluster.log)"; }
  cat >config <<YAML
apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: c, user: u, namespace: mine}}]
clusters: [{name: c, cluster: {server: "https://127.0.0.1:$(cat port)", certificate-authority: cert.pem}}]
users: [{name: u, user: {token: sesame, client-certificate: cert.pem, client-key: key.pem}}]
YAML
}

@test "a check by HTTPS takes any certificate, and what matters is the answer" {
  certificate x
  mkdir web && touch web/ready
  (cd web && exec python3 -u -c '
import http.server, ssl
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("../cert.pem", "../key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port)
server.serve_forever()' >../port 2>../server.log) &
  server=$!
  listens() { [ -s port ]; }
  wait_for listens || { kill "$server"; fail "$(cat server.log)"; }
  pod p "readinessProbe: {httpGet: {scheme: HTTPS, port: $(cat port), path: /ready}, periodSeconds: 1, failureThreshold: 1}" >play.yaml
  is_not_ready() { [ "$(ctr inspect -f '{{.State.Ready}}' p-c)" = false ]; }
  ctr kube play --network host play.yaml >/dev/null && wait_for is_ready && rm web/ready && wait_for is_not_ready
  code=$?
  kill "$server"
  [ "$code" = 0 ]
}

@test "documents are applied to a cluster over its API" {
  start_cluster
  pod p >play.yaml
  run ctr kube apply -k config -f play.yaml
  kube=$output code=$status
  printf '#!/bin/sh\necho "{\\"kind\\": \\"ExecCredential\\", \\"apiVersion\\": \\"client.authentication.k8s.io/v1\\", \\"status\\": {\\"token\\": \\"$1-$WORD\\"}}"\n' >login
  chmod +x login
  sed 's|token: sesame|exec: {apiVersion: client.authentication.k8s.io/v1, command: ./login, args: [open], env: [{name: WORD, value: up}]}|' config >program
  run ctr kube apply -k "$PWD/program" -f play.yaml
  program=$output
  printf '#!/bin/sh\necho no >&2; exit 3\n' >login
  run ctr kube apply -k "$PWD/program" -f play.yaml
  failed=$output
  run ctr kube apply -k config --ns refused -f play.yaml
  refused=$output refused_code=$status
  kill "$cluster"
  [ "$code $kube" = '0 pod/p applied' ] || fail "$kube"
  [ "$refused_code" = 125 ]
  [ "$refused" = 'Error: pod/p: pods "p" is forbidden' ] || fail "$refused"
  run -0 cat requests
  [ "${lines[0]}" = 'PATCH /api/v1/namespaces/mine/pods/p?fieldManager=ctr&force=true Bearer sesame CN=api' ] || fail "$output"
  [ "$(jq -r .metadata.namespace <<<"${lines[1]}")" = mine ]
  [ "$program" = 'pod/p applied' ] || fail "$program"
  [[ ${lines[2]} = *' Bearer open-up CN=api' ]] || fail "${lines[2]}"
  [[ $failed = *"users[0].user.exec: '$PWD/./login' has ended with 3: no" ]] || fail "$failed"
  KUBECONFIG=$PWD/config run -125 ctr kube apply
  assert_contains 'name either containers'
}

@test "ports of a file and of the command line lead to the pod, and a check by HTTP looks from inside" {
  read -r one two < <(python3 -c '
import socket
sockets = [socket.socket(), socket.socket()]
for s in sockets: s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in sockets])')
  pod p "ports: [{name: web, containerPort: 8000, hostPort: $one, hostIP: 127.0.0.1}]" \
    'readinessProbe: {httpGet: {port: web, path: /f}, periodSeconds: 1}' |
    sed 's/\[sleep, "1000"\]/[sh, -c, "mkdir \/w; echo hello >\/w\/f; exec httpd -f -p 8000 -h \/w"]/' >play.yaml
  run -0 ctr kube play --publish "127.0.0.1:$two:8000" play.yaml
  wait_for is_ready
  run -0 curl -s "http://127.0.0.1:$two/f"
  assert_output hello
  # The command line is in place of the file.
  run -7 curl -s "http://127.0.0.1:$one/f"
  run -0 ctr kube play --replace play.yaml
  wait_for is_ready
  run -0 curl -s "http://127.0.0.1:$one/f"
  assert_output hello
  run -0 ctr kube generate -s p
  assert_contains "hostPort: $one"
  # Pods of other files find it by its name.
  pod q >other.yaml
  ctr kube play other.yaml >/dev/null
  run -0 ctr exec q-c wget -qO- http://p:8000/f
  assert_output hello
  run -0 ctr pod inspect -f '{{.InfraConfig.Networks}}' q
  assert_output '[podman-default-kube-network]'
  # In this network it can have an address of its own.
  run -0 ctr kube play --replace --ip 10.89.0.77 other.yaml
  run -0 ctr exec q-c ip -4 -o addr show dev eth0
  assert_contains ' 10.89.0.77/'
  ctr kube down other.yaml >/dev/null
  ctr kube down play.yaml >/dev/null
  ctr network rm podman-default-kube-network >/dev/null
}
