#!/usr/bin/env bash
# Makes the virtual Pi: a kernel, a device tree, and a disk with a Debian in which setup.sh installed this checkout.
# Every step leaves its result in the cache folder and is skipped where that is there. Needs root.
# Says on stdout which folder that is.
#   SMARTBIN_CACHE   the folder (default: ~/.cache/smart-bin/virtual-pi); about 5 GB
set -euo pipefail

readonly SUITE=trixie
readonly DISK_SIZE=4G
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CHECKOUT=$(cd "$HERE/../.." && pwd)
CACHE=${SMARTBIN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/smart-bin/virtual-pi}
readonly HERE CHECKOUT CACHE
readonly BASE=$CACHE/base LOG=$CACHE/build.log
readonly PINS=$CHECKOUT/systemd/requirements-3.13.txt
WHEELS=$CACHE/wheels-$(sha256sum "$PINS" | cut -c-16)
readonly WHEELS PYTHON=${PYTHON:-python3}
RUNNING=
readonly FROM_APT=(
    linux-image-arm64 initramfs-tools kmod udev systemd-sysv dbus mosquitto mosquitto-clients
    python3-venv python3-numpy python3-opencv python3-gpiozero
)
# command:package of what works out here
readonly TOOLS=(
    qemu-system-aarch64:qemu-system-arm qemu-aarch64-static:qemu-user-static update-binfmts:binfmt-support
    debootstrap:debootstrap dtc:device-tree-compiler aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu
    mke2fs:e2fsprogs make:make swig:swig xz:xz-utils
)

say() { printf '==> %s s: %s\n' "$SECONDS" "$*" >&2; }

die() {
    printf 'virtual Pi: %s\n' "$*" >&2
    exit 1
}

# step WHAT RESULT COMMAND...: unless RESULT is there, says WHAT, then has COMMAND make it; half a result is never left.
step() {
    local what=$1 result=$2
    shift 2
    [[ -e $result ]] && return 0
    say "$what"
    rm -rf "$result.partial"
    RUNNING=$what
    # no `if` or `||` here: bash would ignore every failure inside the command but the last
    "$@" "$result.partial" >>"$LOG" 2>&1
    mv "$result.partial" "$result"
    RUNNING=
}

say_what_failed() {
    [[ -n $RUNNING ]] || return 0
    tail -n 25 "$LOG" >&2
    printf 'virtual Pi: failed: %s (all output: %s)\n' "$RUNNING" "$LOG" >&2
}

check_tools() {
    local tool missing=()
    ((EUID == 0)) || die "making it needs root (debootstrap, chroot); run it as root"
    for tool in "${TOOLS[@]}"; do
        command -v "${tool%%:*}" >/dev/null || missing+=("${tool##*:}")
    done
    [[ -e /usr/aarch64-linux-gnu/include/stdio.h ]] || missing+=(libc6-dev-arm64-cross)
    ((${#missing[@]} == 0)) || die "missing here; run: apt-get install --no-install-recommends ${missing[*]}"
}

# programs for arm64 run on this machine, chroots included, by qemu-user
allow_arm64() {
    [[ -e /proc/sys/fs/binfmt_misc/register ]] || mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
    [[ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ]] || update-binfmts --enable qemu-aarch64
}

# in_root ROOT COMMAND...: in there, with /proc, /dev, the checkout at /src, /wheels; the mounts end with the command.
in_root() {
    local root=$1
    shift
    mkdir -p "$root/src" "$root/wheels"
    # shellcheck disable=SC2016 # the inner shell expands these
    unshare --mount sh -ec '
        root=$1 checkout=$2 wheels=$3; shift 3
        mount -t proc proc "$root/proc"; mount --rbind /dev "$root/dev"; mount --bind "$checkout" "$root/src"
        if [ -d "$wheels" ]; then mount --bind "$wheels" "$root/wheels"; fi
        # packages are unpacked with the programs out here: emulated that takes many minutes
        if [ -d /usr/lib/x86_64-linux-gnu ] && [ -x "$root/usr/bin/dpkg-deb" ]; then
            mkdir -p "$root/usr/lib64" "$root/usr/lib/x86_64-linux-gnu"
            # a folder of its own there, and systemd would refuse to be unpacked: not all is below /usr
            [ -e "$root/lib64" ] || ln -s usr/lib64 "$root/lib64"
            mount --bind /lib64 "$root/usr/lib64"; mount --bind /usr/lib/x86_64-linux-gnu "$root/usr/lib/x86_64-linux-gnu"
            for program in dpkg-deb dpkg-split; do mount --bind "/usr/bin/$program" "$root/usr/bin/$program"; done
        fi
        exec env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
            PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels chroot "$root" "$@"
    ' sh "$root" "$CHECKOUT" "$WHEELS" "$@"
    rmdir "$root/src" "$root/wheels"
}

make_base() {
    debootstrap --arch=arm64 --variant=minbase --include=ca-certificates "$SUITE" "$1"
    # nothing here must survive a power cut yet
    echo force-unsafe-io >"$1/etc/dpkg/dpkg.cfg.d/unsafe-io"
    mkdir -p "$1/etc/initramfs-tools/conf.d"
    echo MODULES=list >"$1/etc/initramfs-tools/conf.d/virtual"
    printf '%s\n' virtio_pci virtio_blk ext4 >"$1/etc/initramfs-tools/modules"
    in_root "$1" apt-get install -y -q --no-install-recommends "${FROM_APT[@]}"
    rm "$1/etc/dpkg/dpkg.cfg.d/unsafe-io"
    in_root "$1" apt-get clean
}

kernel_version() { basename "$BASE"/lib/modules/*; }

copy_kernel() {
    mkdir "$1"
    cp "$BASE/boot/vmlinuz-$(kernel_version)" "$1/vmlinuz"
    cp "$BASE/boot/initrd.img-$(kernel_version)" "$1/initrd"
}

# unpack FOLDER PACKAGE...: Debian's files for arm64, not installed
unpack() {
    local folder=$1 deb
    shift
    mkdir -p "$BASE/tmp/debs"
    in_root "$BASE" sh -ec 'cd /tmp/debs && apt-get download -q "$@"' sh "$@"
    for deb in "$BASE"/tmp/debs/*.deb; do dpkg-deb -x "$deb" "$folder"; done
    rm -r "$BASE/tmp/debs"
}

# Debian's kernel has no gpio-sim; its source makes one in seconds.
make_gpio_sim() {
    local tree=$1 version source headers
    version=$(kernel_version)
    source=linux-source-$(cut -d. -f1,2 <<<"$version")
    headers=$tree/usr/src/linux-headers-$version
    unpack "$tree" "$source" "linux-headers-$version" "linux-headers-${version%-arm64}-common" \
        "linux-kbuild-${version%-arm64}"
    mkdir "$tree/module"
    tar -xf "$tree/usr/src/$source.tar.xz" -C "$tree/module" --strip-components=3 \
        "$source/drivers/gpio/gpio-sim.c" "$source/kernel/irq/irq_sim.c"
    # a module may not reach into the table of interrupts, but ask for one to be handled
    sed -i 's/handle_simple_irq(irq_to_desc(irqnum))/generic_handle_irq(irqnum)/' "$tree/module/irq_sim.c"
    printf '%s\n' 'obj-m := gpio-sim-board.o' 'gpio-sim-board-y := gpio-sim.o irq_sim.o' >"$tree/module/Makefile"
    sed -i "s!^include /usr!include $tree/usr!" "$headers/Makefile"
    # an option that gcc has from version 14 on
    sed -i '/CC_HAS_MIN_FUNCTION_ALIGNMENT/d' "$headers/include/config/auto.conf"
    # without it no debugging information is wanted, for which pahole would be needed
    rm -f "$headers/vmlinux"
    # the helper programs are for arm64
    QEMU_LD_PREFIX=$BASE make -C "$headers" M="$tree/module" ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- \
        CC=aarch64-linux-gnu-gcc modules
    mv "$tree/module/gpio-sim-board.ko" "$tree.ko"
    rm -r "$tree"
    mv "$tree.ko" "$tree"
}

# Raspberry Pi OS has python3-lgpio, Debian has not; PyPI has its source.
make_lgpio() {
    local tree=$1.tree
    rm -rf "$tree"
    mkdir "$tree"
    "$PYTHON" -m pip download -q --no-deps --no-binary=:all: -d "$tree" lgpio==0.2.2.0
    tar -xf "$tree"/lgpio-*.tar.gz -C "$tree" --strip-components=1
    unpack "$tree" libpython3.13-dev
    mkdir "$1"
    cd "$tree"
    swig -python -Isrc -outdir "$1" lgpio.i
    aarch64-linux-gnu-gcc -O2 -shared -fPIC -pthread -Isrc -Iusr/include/python3.13 -Iusr/include \
        src/lg*.c src/rgpiod.c lgpio_wrap.c -o "$1/_lgpio.cpython-313-aarch64-linux-gnu.so" -lrt -ldl
    cd "$HERE"
    rm -r "$tree"
}

# qemu's own machine, except that it is a Pi 3B by its number, and that the simulated pins come first
make_device_tree() {
    qemu-system-aarch64 -machine "virt,dumpdtb=$1" -cpu cortex-a72 -smp 2 -m 2048 -nographic -nic none
    fdtput -c -p "$1" /system
    fdtput -t x "$1" /system linux,revision a02082
    fdtput -t s "$1" /pl061@9030000 status disabled
    # its button hangs on that chip
    fdtput -t s "$1" /gpio-keys status disabled
}

install_board() {
    local board=$HERE/board root=$1
    install -D -m 0644 "$CACHE/gpio-sim.ko" "$root/lib/modules/$(kernel_version)/extra/gpio-sim-board.ko"
    install -D -m 0755 -t "$root/usr/local/lib/board" "$board"/*.sh "$board"/*.py
    install -D -m 0644 -t "$root/etc/systemd/system" "$board"/*.service
    install -D -m 0644 -t "$root/etc/udev/rules.d" "$board"/*.rules
    install -D -m 0644 -t "$root/etc/modules-load.d" "$board/board.modules.conf"
    install -D -m 0644 -t "$root/etc/modprobe.d" "$board/vivid.conf"
    install -D -m 0644 -t "$root/etc/systemd/system/systemd-modules-load.service.d" "$board/modules-load.conf"
    install -D -m 0644 -t "$root/etc/systemd/network" "$board/eth.network"
    install -D -m 0644 -t "$root/etc/systemd/system/smart-bin.service.d" "$board/virtual.conf"
    cp "$CACHE"/lgpio/* "$root/usr/lib/python3/dist-packages/"
    echo virtual-pi >"$root/etc/hostname"
    # as Raspberry Pi OS has it
    in_root "$root" groupadd --force --system gpio
    in_root "$root" depmod "$(kernel_version)"
    in_root "$root" systemctl enable board.service shell.service pulses.service systemd-networkd.service
}

make_disk() {
    local root=$1.root
    rm -rf "$root"
    cp -a --reflink=auto "$BASE" "$root"
    install_board "$root"
    in_root "$root" /src/setup.sh install
    rm -rf "${root:?}"/boot/* "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*
    mke2fs -q -t ext4 -d "$root" "$1" "$DISK_SIZE"
    rm -rf "$root"
}

# of everything that the disk is made of; convert/ is on it, but nothing there uses it
checksum() {
    (cd "$CHECKOUT" && git ls-files -co --exclude-standard -z edge models systemd setup.sh pyproject.toml tests/virtual_pi/board \
        tests/virtual_pi/build.sh | sort -z | xargs -0 sha256sum | sha256sum | cut -c-16)
}

main() {
    local disk
    check_tools
    mkdir -p "$CACHE"
    : >"$LOG"
    trap say_what_failed EXIT
    allow_arm64
    step "Making a Debian $SUITE for arm64 (some minutes, emulated)" "$BASE" make_base
    step "Taking its kernel" "$CACHE/kernel" copy_kernel
    step "Building gpio-sim for it" "$CACHE/gpio-sim.ko" make_gpio_sim
    step "Building lgpio for it" "$CACHE/lgpio" make_lgpio
    step "Editing the machine's device tree" "$CACHE/board.dtb" make_device_tree
    [[ -e $WHEELS ]] || rm -rf "$CACHE"/wheels-*
    step "Fetching the wheels that setup.sh will want" "$WHEELS" \
        "$CHECKOUT/systemd/fetch-wheels.sh" "$PYTHON" 3.13 aarch64
    disk=$CACHE/disk-$(checksum).ext4
    [[ -e $disk ]] || rm -f "$CACHE"/disk-*.ext4
    step "Installing this checkout with setup.sh, and making a disk of it" "$disk" make_disk
    ln -sfn "$(basename "$disk")" "$CACHE/disk"
    printf '%s\n' "$CACHE"
}

main
