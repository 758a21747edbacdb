# make build       bin/coracle
# make run         set up and run the demo: a Git repository that runs on this machine's Docker Engine
# make clean-demo  remove the demo's containers, network and files
# make fleet       a server and two nodes on this machine, each with a Docker Engine of its own; needs root
# make fleet-down  remove every trace of them
# make image       the container image coracle, on this machine's engine
# make dist        dist/: the program for amd64, arm64 and armv7, systemd units, checksums
# make test        set up and run all tests, none skipped; as root on Debian, as CI does
# make unit        the tests without set-up and without an engine
# make fuzz        every fuzz target for some seconds
# make bench       the figures of the README

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS   += --no-print-directory
.PHONY: build demo run clean-demo bin/fleet fleet fleet-down image dist ready test unit lint generated engine-tests stories fuzz bench toolchain

# One set of flags for all that is built, so that nothing is compiled twice; the race detector has its own, and needs C.
export GOFLAGS     := -trimpath -buildvcs=false
export CGO_ENABLED := 0
RACE := GOFLAGS=-buildvcs=false CGO_ENABLED=1 go test -race

# What uses the machine's Docker Engine has its turn alone.
ENGINE_TESTS := ./runtime/docker/... ./runtime/enginetest/machine ./examples/demo/images ./examples/walkthrough/images
STORIES      := ./deploy ./examples/fleet ./examples/stories

# The built-in kubectl says which release it is by this.
KUBECTL_VERSION = $(subst v0.,v1.,$(shell go list -m -f '{{.Version}}' k8s.io/kubectl))

LDFLAGS = -s -w -X k8s.io/component-base/version.gitVersion=$(KUBECTL_VERSION)+coracle

build: toolchain
	@echo "building bin/coracle (some minutes the first time)"
	@go build -v -ldflags "$(LDFLAGS)" -o bin/coracle ./cmd/coracle 2>&1 | .ci/progress

demo: toolchain
	@go build -v -o bin/demo ./examples/demo 2>&1 | .ci/progress

run: build demo
	@bin/demo run

clean-demo: demo
	@bin/demo clean

bin/fleet: toolchain
	@go build -v -o $@ ./examples/fleet/command 2>&1 | .ci/progress

fleet: build bin/fleet
	@bin/fleet up

fleet-down: bin/fleet
	@bin/fleet down

image: build
	@deploy/image.sh bin/coracle

dist: toolchain
	@rm -rf dist && mkdir dist
	@for target in amd64 arm64 arm/7; do \
		echo "building coracle for $$target (some minutes the first time)"; \
		GOOS=linux GOARCH=$${target%/*} GOARM=7 go build -v -ldflags "$(LDFLAGS)" -o "dist/coracle-linux-$${target/\//v}" ./cmd/coracle 2>&1 | .ci/progress; \
	done
	@tar -C deploy/systemd --owner=0 --group=0 --mode=644 --mtime=@0 -c $(notdir $(wildcard deploy/systemd/*)) | gzip -n > dist/coracle-systemd.tar.gz
	@cd dist && sha256sum * > SHA256SUMS && cat SHA256SUMS

ready: demo
	@bin/demo ready

test: ready build lint generated unit engine-tests stories

unit: toolchain
	@echo "unit, property, golden and contract tests, with the race detector"
	@$(RACE) $$(go list ./... | grep -vxFf <(go list $(ENGINE_TESTS) $(STORIES)))

engine-tests: toolchain
	@echo "tests on the Docker Engine"
	@$(RACE) -p 1 $(ENGINE_TESTS)

stories: build demo
	@echo "stories, with the real coracle, kubectl, Git and Docker Engine"
	@go test -count 1 -p 1 -timeout 20m $(STORIES)

lint: toolchain
	@echo "go vet, staticcheck"
	@go vet ./...
	@go tool staticcheck ./...

# What is generated must be what is checked in.
generated: toolchain
	@echo "generated files"
	@sums=$$(git ls-files -z '*zz_generated*' | xargs -0 sha256sum); go generate ./...; sha256sum --quiet -c <<< "$$sums"

fuzz: toolchain
	@grep -rl --include='*_test.go' '^func Fuzz' . | while read -r file; do \
		sed -n 's/^func \(Fuzz\w*\).*/\1/p' "$$file" | while read -r target; do \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime 5s "$$(dirname "$$file")"; \
		done; \
	done

bench: build
	@go run ./examples/bench

toolchain:
	@command -v go >/dev/null || { echo "no Go toolchain: install it from https://go.dev/dl (go.mod names the version)" >&2; exit 1; }
