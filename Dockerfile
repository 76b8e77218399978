# syntax=docker/dockerfile:1
# The image that charts/teleport-operator runs: the program on a base without shell or package manager, as a user without
# rights, with a root file system that nothing needs to write to.
#
#   docker buildx build --platform linux/amd64,linux/arm64 --tag REGISTRY/teleport-operator:VERSION --push .

# Debian 12 has the C library of the base below; a program built against a newer one would not start there.
FROM rust:1.89-bookworm AS build
ARG TARGETARCH
WORKDIR /src
COPY Cargo.toml Cargo.lock build.rs README.md ./
COPY benches benches
COPY examples examples
COPY mappings mappings
COPY proto proto
COPY src src
# On arm64 a kernel may have pages of 64 KiB, which the allocator has to know when it is built.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target,id=target-${TARGETARCH} \
    if [ "$TARGETARCH" = arm64 ]; then export JEMALLOC_SYS_WITH_LG_PAGE=16; fi; \
    cargo build --release --locked --bin teleport-operator \
    && install -m 0755 target/release/teleport-operator /teleport-operator

# It holds what the program needs: the loader, libc, libm and libgcc_s (tests/image.rs), and the public authorities.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /teleport-operator /teleport-operator
USER 65532:65532
EXPOSE 8080 8081
ENTRYPOINT ["/teleport-operator"]
