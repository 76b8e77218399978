#!/usr/bin/env bash
# Builds the real peers that tests run against into a cache outside the checkout.
# Must not start them, nor write anything into the checkout.
#
#   tests/peers/build.sh kubernetes|helm|teleport|all
#
# stdout: the folder with the binaries, one line a peer; everything else goes to stderr.
#   kubernetes: kube-apiserver etcd kubectl (so the folder serves as KUBEBUILDER_ASSETS)
#   helm:       helm
#   teleport:   teleport-auth teleport-protos
# PEERS_CACHE sets the cache's root (default: $XDG_CACHE_HOME or ~/.cache, then teleport-operator/peers).
# Needs: go, flock, sha256sum.
set -euo pipefail
shopt -s inherit_errexit

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
    echo "usage: ${0##*/} kubernetes|helm|teleport|all" >&2
    exit 2
}

# The caller's Go settings must not leak into the result: the key does not cover them.
export CGO_ENABLED=0 GOWORK=off GOFLAGS="-mod=readonly -buildvcs=false"
unset GOOS GOARCH GOBIN

# Modules come from a proxy only: the `direct` fallback would try to clone repositories.
GOPROXY=$(go env GOPROXY | sed -E 's/[,|]direct$//')
export GOPROXY

# ldflags NAME: linker flags; they are part of the key.
ldflags() {
    local flags="-s -w"
    if [ "$1" = kubernetes ]; then
        local version pkg
        # Read, not asked of `go list`: a cache hit must need no module cache and no network.
        version=$(awk '$1 == "k8s.io/kubernetes" { print $2 }' "$here/kubernetes/go.mod")
        pkg=k8s.io/component-base/version
        flags+=" -X $pkg.gitVersion=$version"
        flags+=" -X $pkg.gitMajor=$(cut -d. -f1 <<<"${version#v}")"
        flags+=" -X $pkg.gitMinor=$(cut -d. -f2 <<<"${version#v}")"
    fi
    echo "$flags"
}

# key NAME LDFLAGS: 16 hex digits over all that decides what the binaries are.
key() {
    (
        cd "$here/$1"
        go version
        echo "$2"
        find . -type f ! -name '*_test.go' | LC_ALL=C sort | while IFS= read -r file; do
            sha256sum "$file"
        done
    ) | sha256sum | cut -c1-16
}

# folder NAME LDFLAGS: where the peer's binaries belong.
folder() {
    echo "$cache/$1-$(key "$1" "$2")"
}

# compile NAME LDFLAGS DIR: builds the peer's binaries into DIR.
compile() (
    cd "$here/$1"
    case $1 in
    kubernetes)
        GOBIN=$3 go install -trimpath -ldflags "$2" tool
        mv "$3/server" "$3/etcd"
        ;;
    helm)
        GOBIN=$3 go install -trimpath -ldflags "$2" tool
        ;;
    teleport)
        local package
        for package in auth protos; do
            go build -trimpath -ldflags "$2" -o "$3/teleport-$package" "./$package"
        done
        ;;
    esac
)

# build NAME: prints the folder of the peer's binaries, building them if need be.
build() {
    local flags target lock
    flags=$(ldflags "$1")
    target=$(folder "$1" "$flags")
    if [ ! -d "$target" ]; then
        mkdir -p "$cache"
        exec {lock}>"$cache/$1.lock"
        flock "$lock"
        # Another caller may have built it while this one waited.
        [ -d "$target" ] || build_locked "$1" "$flags" "$target"
        exec {lock}>&-
    fi
    echo "$target"
}

# build_locked NAME LDFLAGS TARGET: builds aside and renames when whole: an aborted build never counts.
build_locked() {
    local staging=$cache/.$1.partial
    echo "building the $1 peers into $3" >&2
    rm -rf "$staging"
    mkdir "$staging"
    compile "$1" "$2" "$staging" >&2
    if [ "$3" != "$(folder "$1" "$2")" ]; then
        echo "${0##*/}: $here/$1 was edited while it was built: run again" >&2
        return 1
    fi
    mv "$staging" "$3"
}

cache=${PEERS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/teleport-operator/peers}
case $cache in /*) ;; *) cache=$PWD/$cache ;; esac

[ $# -eq 1 ] || usage
case $1 in
kubernetes | helm | teleport) build "$1" ;;
all)
    build kubernetes
    build helm
    build teleport
    ;;
*) usage ;;
esac
