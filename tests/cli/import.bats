#!/usr/bin/env bats
# import.
# shellcheck disable=SC2154,SC2153,SC2016 # helpers set variables; containers' commands and templates are literal
load helpers

setup_file() { start_test_file && pull_busybox; }
teardown_file() { end_test_file; }
setup() {
  work=$(mktemp -d "$file_dir/work.XXXXXX")
  cd "$work" || return 1
  ctr run --name source --network none "$IMAGE" sh -c 'echo made >/made; chown 5:6 /made; chmod 4755 /made; rm /etc/group'
  ctr export -o root.tar source
  ctr rm source >/dev/null
}
teardown() {
  assert_nothing_left
  run find "$XDG_DATA_HOME/ctr/images/.partial" "$XDG_DATA_HOME/ctr/layers/.staging" -mindepth 1
  assert_output ''
}

@test "an exported root becomes an image that runs" {
  run -0 --separate-stderr ctr import root.tar flat
  assert_match '^sha256:[0-9a-f]{64}$'
  [[ $stderr == *"Copying blob sha256:"*'Writing manifest to image destination'* ]] || fail "stderr: $stderr"
  [ "$(ctr images -q --no-trunc localhost/flat:latest)" = "$output" ]
  run -0 ctr run --rm --network none flat /bin/sh -c 'cat /made; stat -c "%A %u %g" /made; ls /etc'
  assert_contains $'made\n-rwsr-xr-x 5 6'
  refute_contains group
  [ "$(ctr image inspect --format '{{len .RootFS.Layers}} {{len .History}} {{.Comment}}' flat)" = '1 1 imported from tarball' ]
  run -0 ctr history --no-trunc --format '{{.CreatedBy}}' flat
  assert_match '^/bin/sh -c #\(nop\) ADD file:[0-9a-f]{64} in / ?$'
  run -0 jq -r 'select(.Status == "import") | .Type + " " + .Name' "$XDG_DATA_HOME/ctr/events.jsonl"
  assert_output 'image localhost/flat:latest'
  # Nothing says what is to be run.
  run -125 ctr run --rm --network none flat
  run -0 ctr run --rm --network none flat /bin/true
}

@test "files, pipes and compressed archives give the same layer" {
  gzip -k root.tar
  zstd -q root.tar
  ctr import -q root.tar plain >/dev/null
  ctr image import -q root.tar.gz gzipped >/dev/null
  ctr import -q - piped:1 <root.tar.zst >/dev/null
  # A file as standard input, and a pipe.
  zstd -dc root.tar.zst | ctr import -q - "$REGISTRY/test/cat:1" >/dev/null
  xz -1 -k root.tar
  bzip2 -k root.tar
  ctr import -q root.tar.xz xz >/dev/null
  ctr import -q - bzip2 <root.tar.bz2 >/dev/null
  for image in plain gzipped piped:1 xz bzip2 "$REGISTRY/test/cat:1"; do
    [ "$(ctr image inspect --format '{{index .RootFS.Layers 0}}' "$image")" = "sha256:$(sha256sum <root.tar | cut -c 1-64)" ]
  done
  ctr push -q "$REGISTRY/test/cat:1"
  run -0 ctr run --rm --network none piped:1 /bin/cat /made
  assert_output made
}

@test "pipes that the shell makes are archives, too" {
  run -0 ctr import -q <(cat root.tar) piped
  ctr save -q -o piped.tar piped
  ctr rmi piped >/dev/null
  run -0 ctr load -q -i <(cat piped.tar)
  assert_output 'Loaded image: localhost/piped:latest'
  ctr rmi piped >/dev/null
  run -0 ctr import -q /dev/stdin <root.tar
  ctr rmi "${output#sha256:}" >/dev/null
}

@test "--change, --message and the platform are in the configuration" {
  id=$(ctr import -q -c 'CMD ["cat", "/made"]' -c ENV=PATH=/bin -c 'LABEL a=b c' -m 'my root' --arch arm64 --variant v8 root.tar)
  run -0 ctr image inspect --format '{{.Os}}/{{.Architecture}} {{.Comment}} {{json .Config.Labels}} {{len .RepoTags}}' "$id"
  assert_output 'linux/arm64 my root {"a":"b c"} 0'
  id=$(ctr import -q -c 'CMD ["cat", "/made"]' -c ENV=PATH=/bin root.tar)
  run -0 ctr run --rm --network none "$id"
  assert_output made
}

@test "an archive is fetched from where a URL says, after redirects" {
  cat >server.py <<'PY'
import http.server
class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.path != "/old.tar":
            return super().do_GET()
        self.send_response(302)
        self.send_header("Location", "/root.tar")
        self.end_headers()
        self.wfile.write(b"moved")
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
PY
  python3 server.py >port 2>log &
  server=$!
  wait_for test -s port || { kill "$server"; fail "$(cat log)"; }
  port=$(cat port)
  run ctr import -q "http://127.0.0.1:$port/old.tar" fetched
  [ "$status" = 0 ] || { kill "$server"; fail "$output"; }
  run ctr import "http://127.0.0.1:$port/none.tar" x
  kill "$server"
  assert_status 125
  assert_contains "Error: import 'http://127.0.0.1:$port/none.tar': the server answers 404"
  run -0 ctr run --rm --network none fetched cat /made
  assert_output made
}

@test "what cannot be imported is told in one line and leaves nothing" {
  before=$(ctr images -aq | wc -l)
  run -125 ctr import http://127.0.0.1:1/root.tar x
  assert_contains "Error: import 'http://127.0.0.1:1/root.tar': "
  run -125 ctr import nosuch.tar x
  assert_contains "No such file or directory"
  run -125 ctr import . x
  assert_contains 'directory'
  seq 1000 >text
  run -125 ctr import -q text x
  assert_contains "Error: import 'text': "
  : >empty
  run -125 ctr import -q empty x
  assert_contains "Error: import 'empty': the archive is empty"
  xz -1 -c root.tar | head -c 2000 >cut.tar.xz
  run -125 ctr import -q cut.tar.xz x
  assert_contains 'the xz data is damaged'
  head -c 5000 root.tar >cut.tar
  run -125 ctr import -q cut.tar x
  run -125 ctr import -c 'RUN make' root.tar x
  assert_contains 'Error: invalid change "RUN make" - invalid instruction RUN'
  run -125 ctr import root.tar Upper
  run -125 "$BATS_TEST_DIRNAME/on-terminal" -- ctr import - x
  assert_contains 'cannot read from terminal'
  run -125 ctr import
  [ "$(ctr images -aq | wc -l)" -eq "$before" ]
}
