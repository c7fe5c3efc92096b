#!/usr/bin/env bash
# The way in: demo, tests, and the installation on a Raspberry Pi. Running it again is always fine.
set -euo pipefail

readonly UNIT=smart-bin
readonly SERVICE_USER=smart-bin
readonly PREFIX=/opt/smart-bin
# which of its folders a and b holds the version that is in use
readonly CURRENT=$PREFIX/current
readonly ETC=/etc/smart-bin
readonly STATE=/var/lib/smart-bin
readonly UNIT_FILE=/etc/systemd/system/$UNIT.service
# looks for newer models; enabled by who wants that (docs/UPDATES.md)
readonly UPDATE_UNIT=$UNIT-update
readonly UNIT_DIR=/etc/systemd/system
readonly DROP_IN_DIR=/etc/systemd/system/$UNIT.service.d
readonly JOURNAL_FILE=/etc/systemd/journald.conf.d/$UNIT.conf
readonly LOCK=/run/smart-bin-setup.lock
readonly SERVICE_LOG=/var/log/smart-bin-setup.log
readonly COMMAND_LINK=/usr/local/bin/smartbin
readonly OLDEST_PYTHON=3.11

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly HERE
readonly VENV=$HERE/.venv
readonly PROMETHEUS=$HERE/build/prometheus
DRY_RUN=false
LOG=/dev/null
STAGE=
# of `install`: the folder for the new version, that of the version before, and the one to go back to if all fails
SLOT='' BEFORE='' FALLBACK=''

usage() {
    cat <<'TEXT'
Usage: ./setup.sh [--dry-run] COMMAND [ARGUMENT...]

Commands:
  demo [ARGUMENT...]   Make .venv here (without TensorFlow), then show a simulated bin at work.
                       Arguments go to `smartbin demo`: --plain, --images DIR, --camera 0, ...
  test                 Make .venv here with everything, then run every check (`make check`).
  install              Install and start the service on this machine (a Raspberry Pi, or any Debian).
                       Kept if there: /etc/smart-bin/config.toml, /var/lib/smart-bin. A running version runs on
                       until the new one is complete, and comes back where that does not get ready.
  uninstall [--purge]  Stop and remove the service; /etc/smart-bin and /var/lib/smart-bin stay, with --purge they, the
                       user and the log go too: configuration, passwords, events that no broker has acknowledged.
  bundle [DIR]         Make a folder (build/smart-bin) from which `install` works without a network, on 64-bit Pis and
                       x86-64: for a stick.

Options:
  --dry-run            Say every step, do none.
  -h, --help           This text.

Environment:
  PYTHON               The Python (3.11 or newer) for demo and test, where it is not one of
                       python3, python3.13, python3.12, python3.11.
  PIP_*                As always: pip.conf and these say where packages come from.

Works as root and without (sudo is used where it is there). Every step is said before it is done;
what the steps print goes to a log file, named where one fails.
TEXT
}

# --- telling and doing ---

say() { printf '==> %s\n' "$*"; }
warn() { printf '  ! %s\n' "$*" >&2; }
die() {
    printf 'setup.sh: %s\n' "$*" >&2
    exit 1
}

# try "what is done" command...: says it, does it, keeps its output in the log. Returns the command's status.
try() {
    say "$1"
    shift
    if $DRY_RUN; then
        printf '      %s\n' "$*"
        return 0
    fi
    printf '\n==> %s\n' "$*" >>"$LOG"
    "$@" >>"$LOG" 2>&1 </dev/null
}

# step: as try, but a failure ends the script with the tail of the log.
step() {
    try "$@" && return 0
    printf -- '--- the last lines of %s\n' "$LOG" >&2
    tail -n 20 "$LOG" >&2
    die "failed: $1 (all output: $LOG)"
}

open_log() {
    $DRY_RUN && return 0
    mkdir -p "$(dirname "$1")"
    : >"$1"
    LOG=$1
}

# --- root and apt ---

is_root() { ((EUID == 0)); }

can_be_root() {
    is_root || { command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [[ -t 0 ]]; }; }
}

as_root() {
    if is_root; then "$@"; else sudo "$@"; fi
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=120 "$@"
}

update_and_install() {
    # An update that fails (no network, one dead mirror) need not stop the packages from being there.
    apt_get update || true
    apt_get install --no-install-recommends "$@"
}

apt_has() { [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

# want WHY PACKAGE...: installs with apt what is missing. Where that cannot be, says so and returns 1.
want() {
    local why=$1 package missing=()
    shift
    for package in "$@"; do apt_has "$package" || missing+=("$package"); done
    ((${#missing[@]})) || return 0
    if ! command -v apt-get >/dev/null; then
        warn "$why: install with this system's package manager what Debian calls: ${missing[*]}"
    elif ! can_be_root; then
        warn "$why: missing here; run: sudo apt-get install ${missing[*]}"
    elif try "Installing with apt, for $why: ${missing[*]}" update_and_install "${missing[@]}"; then
        return 0
    else
        warn "$why: apt could not install ${missing[*]} (see $LOG)"
    fi
    return 1
}

# want_command WHY COMMAND PACKAGE: the package only where the command is not there, wherever it came from.
want_command() {
    PATH=$PATH:/usr/sbin:/sbin command -v "$2" >/dev/null || want "$1" "$3"
}

apt_offers() { apt-cache show "$1" >/dev/null 2>&1; }

# --- the virtual environment of the checkout ---

is_new_enough() {
    "$1" -c "import sys; sys.exit(sys.version_info < tuple(map(int, '$OLDEST_PYTHON'.split('.'))))" 2>/dev/null
}

is_64_bit() { "$1" -c 'import sys; sys.exit(sys.maxsize < 2**32)'; }

find_python() {
    local name
    for name in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null && is_new_enough "$name"; then
            command -v "$name"
            return 0
        fi
    done
    die "no Python >= $OLDEST_PYTHON found; install one (Debian: apt install python3 python3-venv) or name it: PYTHON=/path ./setup.sh"
}

can_make_venvs() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

make_venv() {
    local python
    # a folder that was moved or renamed has one whose programs name a Python that is gone
    "$VENV/bin/pip" --version >/dev/null 2>&1 && is_new_enough "$VENV/bin/python" && return 0
    python=$(find_python)
    can_make_venvs "$python" || want "Python's venv module" python3-venv || true
    $DRY_RUN || can_make_venvs "$python" ||
        die "$python has no venv module; install it (Debian: apt install python3-venv) or name another: PYTHON=/path"
    step "Making a virtual environment in .venv with $python" "$python" -m venv --clear "$VENV"
}

# install_extra EXTRA HINT: this checkout, editable; skipped where that was already done for this pyproject.toml.
install_extra() {
    local stamp=$VENV/.installed-$1 now
    now=$(sha256sum "$HERE/pyproject.toml")
    [[ -f $stamp && $(<"$stamp") == "$now" ]] && return 0
    step "Installing the Python packages of [$1] into .venv ($2)" \
        "$VENV/bin/pip" install --progress-bar off -e "${HERE}[$1]"
    $DRY_RUN || printf '%s\n' "$now" >"$stamp"
}

# --- demo ---

demo() {
    open_log "$HERE/build/setup-demo.log"
    make_venv
    # [dev] holds all of [desktop]
    if [[ ! -f $VENV/.installed-dev ]]; then install_extra desktop "about 110 MB to download, no TensorFlow"; fi
    want_command "a real MQTT broker in the demo (it goes on without)" mosquitto mosquitto || true
    say "Starting: smartbin demo $*"
    $DRY_RUN && return 0
    cd "$HERE"
    PATH=$PATH:/usr/sbin exec "$VENV/bin/smartbin" demo "$@"
}

# --- test ---

print_versions() {
    local line
    line=$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release 2>/dev/null) || true
    say "${line:-$(uname -s)}, $(uname -m), $(nproc) cores, $("$VENV/bin/python" --version)"
    "$VENV/bin/pip" list --format freeze | sed -nE \
        's/^((ai-edge-litert|keras|mypy|numpy|opencv-python-headless|paho-mqtt|pytest|ruff|tensorflow|tensorflow-cpu)==.*)/      \1/p'
}

run_checks() {
    say "Running make check (all output also in $LOG)"
    if $DRY_RUN; then return 0; fi
    cd "$HERE"
    PATH=$PATH:/usr/sbin make check 2>&1 | tee -a "$LOG"
}

# Installed, Debian's package would start a service. Its two programs need nothing else of it, and no root.
want_prometheus() {
    if command -v prometheus >/dev/null && command -v promtool >/dev/null || [[ -x $PROMETHEUS/usr/bin/promtool ]]; then
        return 0
    fi
    if command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
        try "Unpacking Debian's prometheus to $PROMETHEUS (20 MB; no service), for the tests of the metrics" \
            unpack_prometheus || warn "it could not be had; those tests are skipped (see $LOG)"
    else
        warn "the tests of the metrics: install prometheus and promtool (their service is not needed)"
    fi
}

unpack_prometheus() (
    rm -rf "$PROMETHEUS"
    mkdir -p "$PROMETHEUS"
    cd "$PROMETHEUS"
    apt-get -q download prometheus || { can_be_root && apt_get update && apt-get -q download prometheus; } || return 1
    dpkg-deb -x prometheus_*.deb . || return 1
    rm prometheus_*.deb
)

run_tests() {
    local status=0
    open_log "$HERE/build/setup-test.log"
    want_command "the checks" make make || true
    want_command "the tests of MQTT" mosquitto mosquitto || true
    want_command "the tests of MQTT" mosquitto_sub mosquitto-clients || true
    want_command "the check of the scripts" shellcheck shellcheck || true
    want_command "the tests of the pages" chromium chromium || true
    want_command "the tests of the pages" chromedriver chromium-driver || true
    want_prometheus
    if is_root; then
        want_command "the test of install in a container" systemd-nspawn systemd-container || true
        want_command "the test of install in a container" debootstrap debootstrap || true
    fi
    make_venv
    install_extra dev "about 500 MB to download, TensorFlow among it; some minutes"
    $DRY_RUN || print_versions
    run_checks || status=$?
    say "That took $((SECONDS / 60)) min $((SECONDS % 60)) s"
    return "$status"
}

# --- install ---

become_root() {
    is_root || $DRY_RUN && return 0
    can_be_root || die "$1 needs root: run it as root, or install sudo"
    say "$1 needs root: going on with sudo"
    exec sudo --preserve-env=PIP_INDEX_URL,PIP_EXTRA_INDEX_URL,PIP_FIND_LINKS,PIP_NO_INDEX,PIP_CERT,http_proxy,https_proxy \
        "$HERE/setup.sh" "$@"
}

# not_in_prefix COMMAND: a checkout there would be taken for an installed version, and removed as one
not_in_prefix() {
    [[ $(realpath "$HERE")/ != "$PREFIX"/* ]] ||
        die "$1: $PREFIX is what install makes and uninstall removes; copy this folder to another place and go on there"
}

# alone: a second one at the same time would empty the folder that the first one fills
alone() {
    local lock
    $DRY_RUN && return 0
    exec {lock}>"$LOCK" # held until this script ends
    flock -n "$lock" || die "another setup.sh installs or removes at this moment; wait for its end"
}

# What picamera2 is built against must come from apt beside it; plain Debian has no picamera2, and no camera of a Pi.
install_system_packages() {
    local package optional=()
    want "the service" python3 python3-venv python3-numpy python3-opencv python3-gpiozero ||
        die "the service needs these packages; see above"
    for package in python3-picamera2 python3-lgpio; do
        if apt_offers "$package"; then
            optional+=("$package")
        else
            warn "apt offers no $package here: fine without a Pi's camera and pins"
        fi
    done
    ((${#optional[@]})) || return 0
    want "the Pi's camera and pins" "${optional[@]}" || true
}

make_user() {
    local group
    # an administrator may be in it, and then it outlived the user
    getent group "$SERVICE_USER" >/dev/null || step "Making the group $SERVICE_USER" groupadd --system "$SERVICE_USER"
    if ! getent passwd "$SERVICE_USER" >/dev/null; then
        step "Making the system user $SERVICE_USER" \
            useradd --system --gid "$SERVICE_USER" --home-dir "$STATE" --no-create-home --shell /usr/sbin/nologin "$SERVICE_USER"
    fi
    for group in gpio video; do
        getent group "$group" >/dev/null || continue
        step "Letting $SERVICE_USER use what belongs to the group $group" usermod -aG "$group" "$SERVICE_USER"
    done
}

make_folders() {
    step "Making $ETC for the configuration" install -d -m 0750 -g "$SERVICE_USER" "$ETC"
    # systemd would make it at the first start; doctor looks before that
    step "Making $STATE for events that wait" install -d -m 0750 -o "$SERVICE_USER" -g "$SERVICE_USER" "$STATE"
}

python_of() { "$1" -c 'import sys; print(sys.version_info[:2])' 2>/dev/null; }

# Versions take turns in two folders: the one that runs is not touched until the next one is complete.
choose_slot() {
    if [[ -d $PREFIX/venv && ! -L $PREFIX/venv ]]; then
        step "Moving the installed version to $PREFIX/a" move_to_slot a
    fi
    BEFORE=$(readlink "$CURRENT") || true
    SLOT=a
    [[ $BEFORE != a ]] || SLOT=b
    $DRY_RUN || trap clean_up EXIT
    step "Making room for this version in $PREFIX/$SLOT" empty_folder "$PREFIX/$SLOT"
}

empty_folder() { rm -rf "$1" && install -d -m 0755 "$PREFIX" "$1"; }

# move_to_slot SLOT: what an earlier setup.sh put into $PREFIX itself
move_to_slot() {
    mkdir -p "$PREFIX/$1/systemd" &&
        cp "$UNIT_FILE" "$HERE/systemd/backoff.conf" "$PREFIX/$1/systemd/" &&
        mv "$PREFIX/venv" "$PREFIX/models" "$PREFIX/$1/" &&
        use_slot "$1"
}

# use_slot SLOT: one rename, so that a power cut leaves the one or the other
use_slot() {
    local part
    ln -sfn "$1" "$CURRENT.new" && mv -T "$CURRENT.new" "$CURRENT" || return 1
    for part in venv models; do
        [[ -L $PREFIX/$part ]] || ln -s "current/$part" "$PREFIX/$part" || return 1
    done
}

make_service_venv() {
    local system=/usr/bin/python3 venv=$PREFIX/$SLOT/venv
    is_new_enough "$system" || $DRY_RUN ||
        die "$system is older than $OLDEST_PYTHON; Bookworm (Debian 12) is the oldest system supported"
    is_64_bit "$system" || die "$system is a 32-bit program; the model's runtime exists for 64-bit systems only"
    # After an upgrade of the system the old environment looks for packages in the old Python's folders.
    if [[ -n $BEFORE && $(python_of "$PREFIX/$BEFORE/venv/bin/python") == "$(python_of "$system")" ]]; then
        # what did not change need not be downloaded again: there may be no network
        step "Copying the packages of the version before" copy_venv "$PREFIX/$BEFORE/venv" "$venv"
    else
        step "Making a virtual environment in $venv that sees apt's packages" \
            "$system" -m venv --clear --system-site-packages "$venv"
    fi
}

copy_venv() {
    cp -a --reflink=auto "$1" "$2" &&
        # each program there names the Python that runs it
        find "$2/bin" -type f -exec sed -i "1s|^#!$PREFIX/.*/bin/|#!$2/bin/|" {} +
}

copy_sources() {
    cp -R "$HERE/edge" "$HERE/convert" "$HERE/pyproject.toml" "$HERE/README.md" "$1/"
}

# pins VERSION: the file with every version and hash for that Python; `make lock` writes it.
pins() { printf '%s/systemd/requirements-%s.txt' "$HERE" "$1"; }

# Where packages come from: the bundle that this script is in, else as pip is configured.
pip_sources() {
    if [[ -d $HERE/wheels ]]; then printf '%s\n' --no-index --find-links "$HERE/wheels"; fi
}

# what comes from the checkout, or from the version before, may be readable by its owner alone
copy_data() {
    local model
    cp -R "$HERE/models" "$HERE/systemd" "$PREFIX/$SLOT/" || return 1
    # what somebody put beside the shipped models is perhaps the one in use
    for model in "$PREFIX/$BEFORE"/models/*/; do
        [[ ! -d $model || -e $PREFIX/$SLOT/models/$(basename "$model") ]] ||
            cp -R "${model%/}" "$PREFIX/$SLOT/models/" || return 1
    done
    chmod -R u=rwX,go=rX "$PREFIX/$SLOT"
}

install_package() {
    # setuptools builds inside the folder it is given: a copy keeps root's files out of the checkout
    STAGE=${TMPDIR:-/tmp}/smart-bin-sources
    $DRY_RUN || STAGE=$(mktemp -d)
    step "Copying the sources to $STAGE" copy_sources "$STAGE"
    local python=$PREFIX/$SLOT/venv/bin/python version sources=()
    version=$(/usr/bin/python3 -c 'import sys; print("{}.{}".format(*sys.version_info))')
    mapfile -t sources < <(pip_sources)
    [[ -f $(pins "$version") ]] || $DRY_RUN || die "no pinned packages for Python $version ($(pins "$version")); this system is not supported yet"
    # no dependencies beyond these: pip would bring a numpy beside which apt's OpenCV and picamera2 fail
    step "Installing what apt lacks into $PREFIX/$SLOT/venv, every file checked against its hash (about 60 MB)" \
        "$python" -m pip install --progress-bar off --no-deps --require-hashes "${sources[@]}" -r "$(pins "$version")"
    step "Installing the package" \
        "$python" -m pip install --progress-bar off --no-deps --no-build-isolation --no-index "$STAGE"
    step "Copying models and unit files to $PREFIX/$SLOT" copy_data
}

install_config() {
    local ours=$HERE/systemd/config.toml theirs=$ETC/config.toml
    # a link may lead to a disk that is not there now
    if [[ ! -e $theirs && ! -L $theirs ]]; then
        step "Writing the configuration $theirs" install -m 0640 -g "$SERVICE_USER" "$ours" "$theirs"
    elif cmp -s "$ours" "$theirs"; then
        say "Keeping $theirs (it is the default)"
    else
        step "Keeping $theirs; writing the default beside it as config.toml.new" \
            install -m 0640 -g "$SERVICE_USER" "$ours" "$theirs.new"
    fi
}

systemd_version() { systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p'; }

# put FILE TARGET: one rename, so that a power cut leaves the one or the other, and never half of it
put() { install -D -m 0644 "$1" "$2.new" && sync "$2.new" && mv -T "$2.new" "$2"; }

# install_unit SLOT: of that version
install_unit() {
    local files=$PREFIX/$1/systemd
    step "Installing the unit $UNIT_FILE" put "$files/$UNIT.service" "$UNIT_FILE"
    if $DRY_RUN || [[ -e $files/$UPDATE_UNIT.timer ]]; then
        step "Installing $UPDATE_UNIT.timer, which looks for newer models once it is enabled" \
            install -m 0644 "$files/$UPDATE_UNIT.service" "$files/$UPDATE_UNIT.timer" "$UNIT_DIR/"
    fi
    # Bookworm's systemd (252) knows no growing delay between restarts and would complain about the keys.
    if (($(systemd_version) >= 254)); then
        step "Installing the growing delay between restarts" \
            put "$files/backoff.conf" "$DROP_IN_DIR/backoff.conf"
    fi
    ! systemd_runs || step "Telling systemd" systemctl daemon-reload
}

# the journal of the whole computer: a bin's card is small, and wears
bound_journal() {
    cmp -s "$HERE/systemd/journald.conf" "$JOURNAL_FILE" && return 0
    step "Bounding the journal's size with $JOURNAL_FILE" put "$HERE/systemd/journald.conf" "$JOURNAL_FILE"
    systemd_runs || return 0
    try "Telling journald" systemctl restart systemd-journald || warn "journald takes it at the next start of this machine"
}

systemd_runs() { [[ -d /run/systemd/system ]]; }

run_doctor() {
    say "Asking smartbin doctor how things are"
    $DRY_RUN && return 0
    # before the service starts, because afterwards camera and pins are its own
    runuser -u "$SERVICE_USER" -- "$PREFIX/venv/bin/smartbin" doctor --config "$ETC/config.toml" 2>&1 </dev/null |
        tee -a "$LOG" || warn "doctor found something to put right; see above"
}

# the service stands still from here until the new version is ready
switch_version() {
    if systemd_runs && [[ -e $UNIT_FILE ]]; then
        # one that did not run either is nothing to go back to
        if [[ -n $BEFORE ]] && systemctl is-active --quiet "$UNIT"; then FALLBACK=$BEFORE; fi
        step "Stopping $UNIT" systemctl stop "$UNIT"
    fi
    step "Making $PREFIX/$SLOT the version in use" use_slot "$SLOT"
    install_unit "$SLOT"
    step "Linking $COMMAND_LINK" ln -sfn "$PREFIX/venv/bin/smartbin" "$COMMAND_LINK"
    step "Enabling $UNIT at every start of this machine" systemctl enable "$UNIT"
    step "Waiting until that is on the disk, too" sync
    run_doctor
}

start_service() {
    if ! systemd_runs; then
        warn "systemd does not run here: $UNIT starts with the machine"
    elif try "Starting $UNIT" systemctl start "$UNIT"; then
        say "$UNIT runs: $($DRY_RUN || systemctl show -P StatusText "$UNIT")"
    else
        $DRY_RUN || journalctl -u "$UNIT" -n 15 --no-pager >&2 || true
        [[ -z $FALLBACK ]] || die "the new version did not get ready; put right what is said above, then install again"
        die "$UNIT is installed but did not get ready (systemd keeps trying); put right what is said above, most often in $ETC/config.toml, or see: journalctl -u $UNIT"
    fi
    FALLBACK=
    if [[ -n $BEFORE ]]; then step "Removing the version before" rm -rf "$PREFIX/$BEFORE"; fi
}

roll_back() {
    warn "going back to the version that ran before"
    if use_slot "$1" && (install_unit "$1") && try "Starting it" systemctl restart "$UNIT"; then
        warn "the version before runs again"
    else
        warn "the version before did not get ready either; see: journalctl -u $UNIT"
    fi
}

# At the end of `install`, however it comes.
clean_up() {
    # a bin must not stand still because the terminal was closed, or somebody was impatient
    trap '' HUP INT TERM PIPE
    set +e
    [[ -z $STAGE ]] || rm -rf "$STAGE"
    [[ -z $FALLBACK ]] || roll_back "$FALLBACK"
    [[ $(readlink "$CURRENT") == "$SLOT" ]] || rm -rf "${PREFIX:?}/$SLOT"
}

install_service() {
    not_in_prefix install
    become_root install
    alone
    # the service is another user, and must read what root makes, however private root's files are elsewhere
    umask 022
    # root is called in any folder, and takes no module of Python's from there
    export PYTHONSAFEPATH=1
    open_log "$SERVICE_LOG"
    command -v systemctl >/dev/null || $DRY_RUN || die "install needs systemd; for a look at the bin without it: ./setup.sh demo"
    install_system_packages
    make_user
    make_folders
    choose_slot
    make_service_venv
    install_package
    install_config
    bound_journal
    # the switch to it must not reach the card before it does
    step "Waiting until all of it is on the disk" sync
    switch_version
    start_service
    say "Configuration: $ETC/config.toml   Logs: journalctl -u $UNIT   Help: smartbin --help"
}

# --- bundle ---

make_bundle() {
    local target=${1:-$HERE/build/smart-bin} python version machine
    [[ ! -e $target || -e $target/wheels ]] || die "$target is there already, and is no bundle; name another folder"
    [[ ! $target -ef $HERE ]] || die "$target is this folder; name another one"
    open_log "$HERE/build/setup-bundle.log"
    step "Copying this checkout to $target" fill_bundle "$target"
    python=$(find_python)
    for version in 3.11 3.13; do
        for machine in aarch64 x86_64; do
            step "Fetching the packages for Python $version on $machine" \
                "$HERE/systemd/fetch-wheels.sh" "$python" "$version" "$machine" "$target/wheels"
        done
    done
    say "Made $target ($($DRY_RUN || du -sh "$target" | cut -f1)). On the Pi: sudo $target/setup.sh install"
    say "Of apt's packages it needs: python3 python3-venv python3-numpy python3-opencv python3-gpiozero, on a Pi python3-picamera2 python3-lgpio"
}

# fill_bundle DIR: without what only an earlier bundle there had
fill_bundle() {
    local part
    mkdir -p "$1/wheels" || return 1
    for part in edge convert models systemd docs setup.sh pyproject.toml README.md LICENSE; do
        rm -rf "${1:?}/$part" && cp -R "$HERE/$part" "$1/" || return 1
    done
    find "$1" -name __pycache__ -type d -prune -exec rm -rf {} +
}

# --- uninstall ---

confirm_purge() {
    local answer
    [[ $1 == --yes ]] && return 0
    [[ -t 0 ]] || die "uninstall --purge: say --yes too where nobody can be asked"
    read -r -p "Delete $ETC and $STATE, with every event that no broker has acknowledged? [y/N] " answer
    [[ $answer == [yY]* ]] || die "nothing was removed"
}

# delete FOLDER: where a disk of its own is mounted, all that is on it
delete() { if [[ ! -L $1 ]] && mountpoint -q "$1"; then find "$1" -mindepth 1 -delete; else rm -rf "$1"; fi; }

purge() {
    local folder
    for folder in "$ETC" "$STATE" "$DROP_IN_DIR"; do
        # there may be something else, too
        [[ ! -L $folder ]] || warn "$folder is a link: what it leads to stays, delete it yourself: $(readlink -m "$folder")"
        step "Deleting $folder" delete "$folder"
    done
    if getent passwd "$SERVICE_USER" >/dev/null; then step "Removing the user $SERVICE_USER" userdel "$SERVICE_USER"; fi
    # goes with the user, but where an administrator is in it
    if getent group "$SERVICE_USER" >/dev/null; then step "Removing the group $SERVICE_USER" groupdel "$SERVICE_USER"; fi
    LOG=/dev/null # last of all: what failed before is told in it, and the next step would begin it anew
    step "Deleting $SERVICE_LOG" rm -f "$SERVICE_LOG"
}

uninstall_service() {
    case ${1:-} in
        '' | --purge) ;;
        *) die "uninstall: unknown argument $1; see ./setup.sh --help" ;;
    esac
    not_in_prefix uninstall
    become_root uninstall "$@"
    [[ ${1:-} != --purge ]] || $DRY_RUN || confirm_purge "${2:-}"
    alone
    open_log "$SERVICE_LOG"
    if [[ -e $UNIT_FILE ]]; then
        try "Stopping and disabling $UNIT" systemctl disable --now "$UNIT" || warn "it was not running"
    fi
    if [[ -e $UNIT_DIR/$UPDATE_UNIT.timer ]]; then
        # the service too: a look that is under way would write on, and keep its user
        try "Stopping and disabling $UPDATE_UNIT" systemctl disable --now "$UPDATE_UNIT.timer" "$UPDATE_UNIT.service" ||
            warn "it was not running"
    fi
    step "Removing the units, the command and $PREFIX" rm -rf "$UNIT_FILE" "$JOURNAL_FILE" "$COMMAND_LINK" "$PREFIX" \
        "$DROP_IN_DIR/backoff.conf" "$UNIT_DIR/$UPDATE_UNIT.service" "$UNIT_DIR/$UPDATE_UNIT.timer"
    $DRY_RUN || rmdir "$DROP_IN_DIR" 2>/dev/null || true # unless there is something of an administrator in it
    if systemd_runs; then step "Telling systemd" systemctl daemon-reload; fi
    if [[ ${1:-} == --purge ]]; then
        purge
    else
        say "Kept: $ETC and $STATE, and their user $SERVICE_USER; --purge removes them too"
    fi
}

main() {
    while [[ ${1:-} == -* ]]; do
        case $1 in
            -h | --help) usage && exit 0 ;;
            --dry-run) DRY_RUN=true ;;
            *) usage >&2 && exit 2 ;;
        esac
        shift
    done
    local command=${1:-}
    shift || true
    case $command in
        demo) demo "$@" ;;
        test) run_tests ;;
        install) install_service ;;
        uninstall) uninstall_service "$@" ;;
        bundle) make_bundle "$@" ;;
        *)
            [[ -z $command ]] || printf 'setup.sh: there is no command %s\n\n' "$command" >&2
            usage >&2
            exit 2
            ;;
    esac
}

main "$@"
