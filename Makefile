# What people and CI run. Everything that is fetched or built outside of `target/` goes into one cache folder.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# A recipe is one script, which ends with its first failure.
.ONESHELL:

CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/teleport-operator
export PEERS_CACHE ?= $(CACHE)/peers

DENY_VERSION := 0.20.2
DENY := $(CACHE)/tools/cargo-deny-$(DENY_VERSION)/bin/cargo-deny
FUZZ_VERSION := 0.13.2
FUZZ := $(CACHE)/tools/cargo-fuzz-$(FUZZ_VERSION)/bin/cargo-fuzz
# What the program may weigh in the image, in bytes.
LARGEST := 25000000
# How long each fuzz target is run.
FUZZ_SECONDS ?= 60

# A folder with kube-apiserver, etcd and kubectl: the one given, else one that is built; from the cache that takes no time.
# `export` stands apart, because it succeeds even when the command in its value does not.
KUBERNETES = KUBEBUILDER_ASSETS="$${KUBEBUILDER_ASSETS:-$$(tests/peers/build.sh kubernetes)}"; export KUBEBUILDER_ASSETS
PROTOS = "$$(tests/peers/build.sh teleport)/teleport-protos" \
	-mappings mappings/teleport -newer proto/teleport/newer -additions proto/teleport/additions -out proto/teleport/official -younger proto/teleport/younger.toml
CHART = charts/teleport-operator
# As tests have it: without their dependencies' features all dependencies would be compiled anew.
BUILT = cargo build --quiet --locked --workspace --tests
PROGRAM = "$${CARGO_TARGET_DIR:-target}/debug/teleport-operator"
GENERATE = $(PROGRAM) docs --dir docs --examples examples/teleport --younger proto/teleport/younger.toml --observed tests/vectors --schemas mappings --chart $(CHART)
# As tests/peers/build.sh does: modules come from a proxy, at the versions that go.sum names.
GO = CGO_ENABLED=0 GOWORK=off GOFLAGS=-mod=readonly \
	GOPROXY="$$(go env GOPROXY | sed -E 's/[,|]direct$$//')" go -C tests/peers/teleport

.PHONY: help
help: ## list what there is to make
	@sed -nE 's/^([a-z]+):.* ## (.*)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

.PHONY: build
build: ## build the program, as it is in the image, and say how large it is
	cargo build --release --locked
	size="$$(wc -c < "$${CARGO_TARGET_DIR:-target}/release/teleport-operator")"
	echo "teleport-operator: $$size bytes, of at most $(LARGEST)"
	[ "$$size" -le $(LARGEST) ]

.PHONY: sandbox
sandbox: ## try the operator on a real Kubernetes API, with no Teleport at all
	$(KUBERNETES)
	cargo run --release --locked -- sandbox

.PHONY: peers
peers: ## build the real peers that tests run against (minutes, the first time)
	tests/peers/build.sh all

.PHONY: test
test: ## run all tests, those against real peers included
	$(KUBERNETES)
	tests/peers/build.sh helm
	tests/peers/build.sh teleport
	SIM_SEEDS=2000 cargo test --workspace --locked --no-fail-fast
	$(GO) test ./...

.PHONY: soak
soak: ## run random histories through the engine until something goes wrong, or until stopped
	SIM_FOREVER=1 SIM_SEEDS=1000 SIM_FROM="$${SIM_FROM:-$$RANDOM$$RANDOM}" \
		cargo test --release --locked --test simulation -- everything --nocapture

.PHONY: chaos
chaos: ## kill the operator and its peers at random for ten minutes while people edit, then compare
	$(KUBERNETES)
	tests/peers/build.sh teleport
	CHAOS_SECONDS="$${CHAOS_SECONDS:-600}" cargo test --locked --test chaos -- --nocapture

.PHONY: lint
lint: $(DENY) ## check style, dependencies, and that generated files are current
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	$(DENY) --locked check bans licenses sources
	$(PROTOS) -check
	$(BUILT)
	$(GENERATE) --check
	$(PROGRAM) rbac | diff -u $(CHART)/operator-role.yaml -
	unformatted="$$(gofmt -l tests/peers)"; [ -z "$$unformatted" ] || { echo "not gofmt: $$unformatted"; exit 1; }
	$(GO) vet ./...

.PHONY: proto
proto: ## print proto/teleport/official anew, from the Go API module, as far as the mappings reach
	$(PROTOS)

.PHONY: generate
generate: ## write docs/kinds, the schemas of mapping files and the chart's generated files anew
	$(BUILT)
	$(PROGRAM) crds --dir $(CHART)/operator-crds
	$(PROGRAM) rbac > $(CHART)/operator-role.yaml
	$(GENERATE)

# No code of this project is unsafe, so a sanitizer of memory would only slow it down.
.PHONY: fuzz
fuzz: $(FUZZ) ## feed each parser of outside input with made-up input for a minute (needs a nightly toolchain)
	export RUSTUP_TOOLCHAIN=nightly
	for target in $$($(FUZZ) list); do
		mkdir -p "fuzz/corpus/$$target"
		$(FUZZ) run --sanitizer none "$$target" "fuzz/corpus/$$target" "fuzz/seeds/$$target" -- -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=512 -print_final_stats=1
	done

# The table comes last, and says what it was measured on.
.PHONY: bench
bench: ## run the benchmarks, and measure fleets of up to 100,000 objects on the real peers (FLEET=100,1000: only such)
	$(KUBERNETES)
	tests/peers/build.sh teleport
	cargo bench --locked --bench translate --bench engine
	cargo bench --locked --bench fleet

$(DENY):
	cargo install --locked cargo-deny@$(DENY_VERSION) --root $(CACHE)/tools/cargo-deny-$(DENY_VERSION)

$(FUZZ):
	cargo install --locked cargo-fuzz@$(FUZZ_VERSION) --root $(CACHE)/tools/cargo-fuzz-$(FUZZ_VERSION)
