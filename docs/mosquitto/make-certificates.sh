#!/usr/bin/env bash
# Certificates for a broker and its bins, with openssl and a certificate authority of your own.
#
#   make-certificates.sh ca                     once: the authority
#   make-certificates.sh server NAME|ADDRESS    the broker, by the name that bins connect to (mqtt.host)
#   make-certificates.sh bin ID                 one bin, by its bin.id
#   make-certificates.sh revoke ID              a bin that was stolen: into ca.crl
#
# Files are made in the current folder. Keep ca.key away from the broker and from every bin: whoever has it can be any
# bin. A broker gets ca.crt, ca.crl, server.crt and server.key; a bin gets ca.crt, ID.crt and ID.key.
set -euo pipefail
umask 077

readonly CA_DAYS=7300
# Nobody visits a bin to renew a certificate every year; a stolen one is revoked.
readonly DAYS=3650

die() {
    printf 'make-certificates.sh: %s\n' "$*" >&2
    exit 1
}

# new_key NAME: NAME.key. By NAME.crt alone a certificate is revoked, so none is overwritten.
new_key() {
    local file
    for file in "$1.key" "$1.crt"; do
        [[ ! -e $file ]] || die "$file is there already; revoke what it is of, then move it away to make a new one"
    done
    openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
}

# sign FILE COMMON-NAME EXTENSION...: FILE.crt for FILE.key
sign() {
    local file=$1 name=$2
    shift 2
    openssl req -new -key "$file.key" -subj "/CN=$name" |
        openssl x509 -req -sha256 -days "$DAYS" -CA ca.crt -CAkey ca.key -set_serial "0x$(openssl rand -hex 16)" \
            -extfile <(printf '%s\n' 'basicConstraints=critical,CA:FALSE' 'keyUsage=critical,digitalSignature' \
                'subjectKeyIdentifier=hash' 'authorityKeyIdentifier=keyid' "$@") -out "$file.crt"
}

# What `openssl ca` wants to know before it revokes anything.
ca_database() {
    printf '%s\n' '[ca]' 'default_ca=ours' '[ours]' 'database=index.txt' 'crlnumber=crlnumber' 'default_md=sha256' \
        "default_crl_days=$CA_DAYS" 'certificate=ca.crt' 'private_key=ca.key'
}

write_crl() {
    openssl ca -config <(ca_database) -gencrl -out ca.crl.new
    mv ca.crl.new ca.crl
}

make_ca() {
    new_key ca
    openssl req -new -x509 -sha256 -days "$CA_DAYS" -key ca.key -subj '/CN=smart bin CA' -out ca.crt \
        -addext 'keyUsage=critical,keyCertSign,cRLSign'
    : >index.txt
    echo 01 >crlnumber
    write_crl
}

make_server() {
    local kind=DNS
    if [[ $1 =~ ^[0-9.]+$ || $1 == *:* ]]; then kind=IP; fi
    new_key server
    sign server "$1" 'extendedKeyUsage=serverAuth' "subjectAltName=$kind:$1"
}

make_bin() {
    [[ $1 =~ ^[a-z0-9_-]+$ && $1 != ca && $1 != server ]] || die "a bin's id has only a-z, 0-9, _ and -, and is not ca or server"
    new_key "$1"
    sign "$1" "$1" 'extendedKeyUsage=clientAuth'
}

revoke() {
    [[ -e $1.crt ]] || die "$1.crt is not here"
    openssl ca -config <(ca_database) -revoke "$1.crt"
    write_crl
}

[[ ${1:-} == ca || -e ca.key ]] || die "there is no ca.key in this folder; begin with: make-certificates.sh ca"
case ${1:-} in
    ca) make_ca ;;
    server) make_server "${2:?name or address of the broker}" ;;
    bin) make_bin "${2:?id of the bin}" ;;
    revoke) revoke "${2:?id of the bin}" ;;
    *) die "name one of: ca, server NAME, bin ID, revoke ID" ;;
esac
