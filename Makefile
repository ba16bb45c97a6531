# What each target does is said by `make help`.
SHELL := /bin/bash
GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)

.PHONY: help build agent quickstart cross setup test unit interop rules chaos soak hostile bench compare proto lint clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

build: agent ## build bin/heddle, with the tasks' agent inside
	@mkdir -p bin
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/heddle

agent: ## build the static agent that heddle embeds
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o agent/embedded/bin/ ./cmd/heddle-agent

setup: ## fetch what the tests need (Hadoop's jars, packages), once, outside the tree
	test/setup/tools.sh
	test/setup/browser.sh
	test/setup/hadoop.sh
	test/setup/clients.sh 2.10.2 3.3.6 3.5.0
	test/setup/spark.sh

test: build unit interop ## run every test; installs what the tests need

quickstart: build ## a distributed TensorFlow job on a cluster on this machine (EXECUTOR=docker|process FS=hdfs|hdfs://host:port BASE=image)
	@EXECUTOR=$(EXECUTOR) FS=$(or $(FS),file) BASE=$(BASE) HEDDLE_BINARY=$(CURDIR)/bin/heddle examples/quickstart.sh

cross: agent ## daemons also build for arm64 and without cgo, the client commands for macOS
	CGO_ENABLED=0 GOARCH=arm64 $(GO) build -o /dev/null ./cmd/heddle
	CGO_ENABLED=0 GOARCH=arm64 $(GO) build -o /dev/null ./cmd/heddle-agent
	CGO_ENABLED=0 GOOS=darwin GOARCH=arm64 $(GO) build -o /dev/null ./cmd/heddle

unit: cross ## vet, then unit tests and fuzz seeds with the race detector
	$(GO) vet ./...
	$(GO) vet -tags interop ./test/...
	$(GO) test -race ./...

interop: build setup ## real Hadoop clients and daemons against ours, one line per scenario; starts a Docker engine where none answers, and stops it
	@set -o pipefail; engine=$$(test/setup/docker.sh host >/dev/null 2>&1 && echo running); \
	[ -n "$$engine" ] || trap 'test/setup/docker.sh stop' EXIT; \
	test/setup/docker.sh start && test/setup/docker.sh image || exit 1; \
	HEDDLE_BINARY=$(CURDIR)/bin/heddle $(GO) test -tags interop -count=1 -p 1 -timeout 20m -json ./test/interop/... ./test/chaos/... ./test/rules/... ./test/hostile/... ./test/sbin/... ./test/browser/... ./test/quickstart/... | $(GO) run ./test/lines

chaos: build setup ## kill daemons and ApplicationMasters CHAOS_KILLS times (50) at random moments of a workload; CHAOS_SEED repeats a run
	@CHAOS_KILLS=$(or $(CHAOS_KILLS),50) HEDDLE_BINARY=$(CURDIR)/bin/heddle $(GO) test -tags interop -count=1 -v -timeout 25m -run TestChaos ./test/chaos

soak: build setup ## 200 played nodes, one real one, applications coming and going for SOAK_MINUTES (60); no daemon may grow, nothing may be lost
	@SOAK_MINUTES=$(or $(SOAK_MINUTES),60) HEDDLE_BINARY=$(CURDIR)/bin/heddle $(GO) test -tags interop -count=1 -v -timeout 0 -run TestSoak ./test/soak

hostile: build setup ## attacks in full length, and what another client notices of them
	@HOSTILE=full HEDDLE_BINARY=$(CURDIR)/bin/heddle $(GO) test -tags interop -count=1 -v -timeout 30m ./test/hostile

bench: build ## calls per second, heartbeats, allocation, codecs, placement; then start-up time and memory of the daemons
	@set -o pipefail; $(GO) test -p 1 -run '^$$' -bench . -benchtime 1s ./hadoop/rpc ./hadoop/security ./yarn/wire ./persist ./resourcemanager/... | grep -E '^(Benchmark|pkg:|FAIL|panic)'
	@$(GO) run ./test/bench bin/heddle

compare: build setup ## time the same work on our daemons and on Hadoop's, COMPARE_RUNS (2) times each
	@COMPARE_RUNS=$(or $(COMPARE_RUNS),2) HEDDLE_BINARY=$(CURDIR)/bin/heddle $(GO) test -tags interop -count=1 -v -timeout 40m ./test/compare

proto: ## regenerate hadoop-proto/*/*.pb.go (needs protoc and protoc-gen-go)
	protoc -I . --go_out=. --go_opt=module=heddle hadoop-proto/*/*.proto

lint: ## format, vet, import arrows; golangci-lint where it is installed
	@test -z "$$(gofmt -l .)" || { gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags interop ./test/...
	$(GO) test -count=1 ./test/arch
	@if command -v golangci-lint >/dev/null; then golangci-lint run --build-tags interop; else echo 'golangci-lint is not installed: only format, vet and import arrows were checked'; fi

clean: ## remove what build made
	rm -rf bin agent/embedded/bin/heddle-agent
