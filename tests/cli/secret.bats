#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016
# ctr secret, and run --secret.

load helpers

setup_file() {
  start_test_file
  pull_busybox
}
teardown_file() { end_test_file; }
teardown() {
  assert_nothing_left
  ctr secret rm -a >/dev/null 2>&1 || true
}

runs() { run ctr run --rm --network none "$@"; }
make() { printf %s "$2" | ctr secret create "${@:3}" "$1" - >/dev/null; }

@test "a secret is created from stdin, a file or a variable, and prints an id of 25 digits" {
  run ctr secret create one - <<<sesame
  assert_status 0
  assert_match '^[0-9a-f]{25}$'
  printf sesame >"$BATS_TEST_TMPDIR/file"
  run ctr secret create two "$BATS_TEST_TMPDIR/file"
  assert_status 0
  PASSWORD=sesame run ctr secret create --env three PASSWORD
  assert_status 0
  run ctr secret inspect --showsecret --format '{{.SecretData}}' two three
  assert_output $'sesame\nsesame'
  run ctr secret create four <(printf pipe)
  assert_status 0
}

@test "what cannot be a secret is refused" {
  run ctr secret create --env x NO_SUCH_VARIABLE
  assert_status 125
  assert_output 'Error: cannot create store secret data: environment variable NO_SUCH_VARIABLE is not set'
  run ctr secret create x - </dev/null
  assert_status 125
  assert_output 'Error: secret data must be larger than 0 and less than 512000 bytes'
  run ctr secret create x - < <(head -c 512000 /dev/zero)
  assert_status 125
  assert_output 'Error: secret data must be larger than 0 and less than 512000 bytes'
  head -c 511999 /dev/zero | ctr secret create x - >/dev/null
  run ctr secret create ../x - <<<y
  assert_status 125
  assert_output "Error: secret name \"../x\" can not include '=', '/', ',' or control characters and must be between 1 and 253 characters: invalid secret name"
  run ctr secret create y /nonexistent
  assert_status 125
  assert_contains "'/nonexistent'"
  run ctr secret create --driver shell y - <<<z
  assert_status 125
  assert_contains 'invalid driver'
  run ctr secret create --driver-opts path=/tmp y - <<<z
  assert_status 125
  run ctr secret create y
  assert_status 125
}

@test "a name is taken, kept or replaced" {
  make s one
  id=$(ctr secret inspect --format '{{.ID}}' s)
  run ctr secret create s - <<<two
  assert_status 125
  assert_output 'Error: s: secret name in use'
  run ctr secret create --ignore s - <<<two
  assert_output "$id"
  run ctr secret create --ignore --replace s - <<<two
  assert_status 125
  run ctr secret create --replace s - <<<two
  assert_output "$id"
  run ctr secret inspect --showsecret --format '{{.SecretData}}' s
  assert_contains two
}

@test "the document has podman's fields, and never the secret" {
  make s sesame --label b=2 --label a=1 --driver-opts k=v
  run ctr secret inspect s
  assert_status 0
  refute_contains sesame
  id=$(jq -r '.[0].ID' <<<"$output")
  created=$(jq -r '.[0].CreatedAt' <<<"$output")
  [[ $created =~ ^20[0-9-]+T[0-9:.]+Z$ ]]
  assert_output "[
    {
        \"ID\": \"$id\",
        \"CreatedAt\": \"$created\",
        \"UpdatedAt\": \"$created\",
        \"Spec\": {
            \"Name\": \"s\",
            \"Driver\": {
                \"Name\": \"file\",
                \"Options\": {
                    \"k\": \"v\",
                    \"path\": \"$XDG_DATA_HOME/ctr/secrets\"
                }
            },
            \"Labels\": {
                \"a\": \"1\",
                \"b\": \"2\"
            }
        }
    }
]"
  run ctr secret inspect --showsecret s
  [ "$(jq -r '.[0].SecretData' <<<"$output")" = sesame ]
  run ctr secret inspect --format '{{.Spec.Name}} {{.Spec.Driver.Name}} {{.Spec.Labels}}' s
  assert_output 's file map[a:1 b:2]'
  run ctr secret inspect --pretty s
  assert_line "ID:              $id"
  assert_line 'Name:              s'
  assert_line ' - a=1'
  assert_line 'Driver:            file'
  run --separate-stderr ctr secret inspect nosuch s
  assert_status 125
  [ "$(jq -r '.[].Spec.Name' <<<"$output")" = s ]
  [ "${stderr%%$'\n'*}" = 'Error: inspecting secret: no secret with name or id "nosuch": no such secret' ]
}

@test "ls lists by name, as a table, as JSON and by template" {
  run ctr secret ls
  assert_output 'ID          NAME        DRIVER      CREATED     UPDATED'
  make two x
  make one x
  id=$(ctr secret inspect --format '{{.ID}}' one)
  run ctr secret list -n -f name=one
  assert_match "^$id  one         file        (Less than a second|[0-9]+ seconds?) ago  (Less than a second|[0-9]+ seconds?) ago$"
  run ctr secret ls --format '{{.Name}} {{.Driver}}'
  assert_output $'one file\ntwo file'
  run ctr secret ls -q -f name=one -f id="${id:0:5}"
  assert_output "$id"
  run ctr secret ls --format json
  [ "$(jq -r '.[].Name' <<<"$output")" = $'one\ntwo' ]
  run ctr secret ls -f nosuch=1
  assert_status 125
  assert_output 'Error: invalid filter "nosuch"'
}

@test "exists and rm tell by the exit code" {
  make one x
  make two x
  run ctr secret exists one
  assert_status 0
  run ctr secret exists nosuch
  assert_status 1
  id=$(ctr secret inspect --format '{{.ID}}' one)
  run ctr secret rm "${id:0:10}"
  assert_status 0
  assert_output "$id"
  run ctr secret rm one
  assert_status 1
  assert_output 'Error: no secret with name or id "one": no such secret'
  run ctr secret rm --ignore one
  assert_status 0
  run ctr secret rm
  assert_status 125
  assert_output 'Error: `ctr secret rm` requires one argument, or the --all flag'
  run ctr secret rm --all
  assert_status 0
  run ctr secret ls -q
  assert_output ''
}

@test "a container sees its secret in memory, and nothing else does" {
  make s 'open sesame'
  runs --secret s "$IMAGE" sh -c 'cat /run/secrets/s; echo; ls -ln /run/secrets/s; grep /run/secrets /proc/mounts'
  assert_status 0
  assert_line 'open sesame'
  assert_match '-r--r--r-- +1 0 +0 +11 '
  assert_match 'tmpfs /run/secrets tmpfs ro,nosuid,nodev,noexec'
  runs --secret s "$IMAGE" sh -c 'echo x >/run/secrets/s'
  [ "$status" -ne 0 ]
  id=$(ctr run -d --network none --secret s --secret s,type=env,target=S "$IMAGE" sleep 1000)
  secret_id=$(ctr secret inspect --format '{{.ID}}' s)
  run grep -rlsF 'open sesame' "$XDG_DATA_HOME" "$XDG_RUNTIME_DIR"
  assert_output "$XDG_DATA_HOME/ctr/secrets/$secret_id/data"
  run stat -c '%a %u' "$XDG_DATA_HOME/ctr/secrets" "$XDG_DATA_HOME/ctr/secrets/$secret_id" "$output"
  assert_output "700 $UID"$'\n'"700 $UID"$'\n'"600 $UID"
  run ctr inspect "$id"
  refute_contains 'open sesame'
  [ "$(jq -c '.[0].Config.Secrets[0] | [.Name, .UID, .GID, .Mode]' <<<"$output")" = '["s",0,0,292]' ]
  process=$(ctr inspect --format '{{.State.ConmonPid}}' "$id")
  run cat "/proc/$process/cmdline" "/proc/$process/environ"
  assert_contains ctr
  refute_contains 'open sesame'
  # The bytes are not kept once the program runs.
  run readlink "/proc/$process/fd/"*
  assert_contains ctr/running
  refute_contains ctr-secrets
  ctr rm -f -t 0 "$id" >/dev/null
  ctr secret rm s >/dev/null
  run grep -rlsF 'open sesame' "$XDG_DATA_HOME" "$XDG_RUNTIME_DIR"
  [ -z "$output" ] || fail "the secret is in $output"
}

@test "target, owner and mode of a secret" {
  make s sesame
  runs --secret s,target=other,uid=7,gid=8,mode=0400 "$IMAGE" ls -ln /run/secrets/other
  assert_match '^-r-------- +1 7 +8 +6 '
  runs --secret source=s,target=/etc/app/key,mode=440 "$IMAGE" sh -c 'cat /etc/app/key; ls /run/secrets; echo x >/etc/app/key'
  assert_contains sesame
  assert_contains 'Read-only file system'
  runs --user 1000 --secret s,mode=0400 "$IMAGE" cat /run/secrets/s
  assert_contains 'Permission denied'
  runs --read-only --secret s "$IMAGE" cat /run/secrets/s
  assert_output sesame
  # Root's containers have all ids.
  if [ "$(id -u)" -ne 0 ]; then
    runs --secret s,uid=4000000 "$IMAGE" true
    assert_status 125
    assert_contains "the secret at '/run/secrets/s' is for 4000000:0"
  fi
}

@test "a secret of a container whose ids are mapped to the user's, and in place of a variable of the image" {
  make s sesame
  make PATH /bin
  runs --userns keep-id --secret s,mode=0400,uid="$(id -u)" "$IMAGE" sh -c 'cat /run/secrets/s; id -u'
  assert_output "sesame$(id -u)"
  runs --secret PATH,type=env "$IMAGE" sh -c 'tr "\\0" "\\n" </proc/1/environ | grep -c ^PATH=; echo $PATH'
  assert_output $'1\n/bin'
  # A link of the image at the place of the secret leads nowhere but into the container.
  push_image test/link:1 '{"layers": [{"busybox": true, "entries": [{"path": "run", "type": "symlink", "link": "/tmp"}]}]}' >/dev/null
  ctr pull -q "$REGISTRY/test/link:1" >/dev/null
  runs --secret s "$REGISTRY/test/link:1" cat /tmp/secrets/s
  assert_output sesame
}

@test "--explain names the places of secrets, and another runtime is not given any" {
  make s sesame
  run ctr run --explain --network none --secret s,target=/etc/key "$IMAGE" true
  assert_status 0
  assert_contains "/etc/key"
  refute_contains sesame
  printf '#!/bin/sh\n' >"$BATS_TEST_TMPDIR/other"
  chmod +x "$BATS_TEST_TMPDIR/other"
  runs --runtime "$BATS_TEST_TMPDIR/other" --secret s "$IMAGE" true
  assert_status 125
  assert_contains "--secret is not supported with --runtime"
}

@test "a secret as a variable, also for exec" {
  make s sesame
  runs --secret s,type=env "$IMAGE" sh -c 'echo $s'
  assert_output sesame
  id=$(ctr run -d --network none --secret s,type=env,target=KEY "$IMAGE" sleep 1000)
  run ctr exec "$id" sh -c 'echo $KEY'
  assert_output sesame
  run ctr inspect "$id"
  refute_contains sesame
  # As with podman, the secret is stronger than what the command line says.
  run ctr exec -e KEY=other "$id" sh -c 'echo $KEY'
  assert_output sesame
  # Nothing can be started without its secrets.
  ctr secret rm s >/dev/null
  run ctr exec "$id" true
  assert_status 125
  assert_output 'Error: no secret with name or id "s": no such secret'
  ctr stop -t 0 "$id" >/dev/null
  run ctr start "$id"
  assert_status 125
  assert_contains 'no secret with name or id "s": no such secret'
  ctr rm "$id" >/dev/null
}

@test "of two secrets for one place the later one is there" {
  make one 1
  make two 2
  runs --secret one,target=k --secret two,target=/run/secrets/k "$IMAGE" sh -c 'ls /run/secrets; cat /run/secrets/k'
  assert_output $'k\n2'
  runs -e K=0 --secret two,type=env,target=K --secret one,type=env,target=K "$IMAGE" sh -c 'echo $K'
  assert_output 1
}

@test "binary secrets are files, not variables" {
  printf 'a\0b' | ctr secret create s - >/dev/null
  runs --secret s "$IMAGE" od -An -tx1 /run/secrets/s
  assert_contains '61 00 62'
  runs --secret s,type=env "$IMAGE" true
  assert_status 125
  assert_contains "secret 's' holds a NUL byte"
}

@test "what --secret cannot mean is refused by name" {
  runs --secret nosuch "$IMAGE" true
  assert_status 125
  assert_output 'Error: no secret with name or id "nosuch": no such secret'
  run ctr create --secret nosuch "$IMAGE" true
  assert_status 125
  assert_output 'Error: no secret with name or id "nosuch": no such secret'
  run ctr ps -aq
  assert_output ''
  make s x
  for wrong in s,type=other s,nosuch=1 s,bare s,mode=9 s,uid=x type=mount s,type=env,uid=1 s,target=../x; do
    runs --secret "$wrong" "$IMAGE" true
    assert_status 125
    assert_contains 'parsing secret'
  done
}

@test "a secret that is replaced is new at the next start" {
  make s one
  ctr create --name c --network none --secret s "$IMAGE" cat /run/secrets/s >/dev/null
  run ctr start --attach c
  assert_output one
  make s two --replace
  run ctr start --attach c
  assert_output two
  ctr rm c >/dev/null
}
