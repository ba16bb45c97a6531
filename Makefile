# What each target does is said by `make help`.
SHELL := /bin/bash
GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)

.PHONY: help build test proto lint clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

build: ## build bin/heddle
	@mkdir -p bin
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/heddle

test: build ## run every test; installs what the tests need
	$(GO) vet ./...
	$(GO) test -race ./...

proto: ## regenerate hadoop-proto/*/*.pb.go (needs protoc and protoc-gen-go)
	protoc -I . --go_out=. --go_opt=module=heddle hadoop-proto/*/*.proto

lint: ## format and vet
	@test -z "$$(gofmt -l .)" || { gofmt -l .; exit 1; }
	$(GO) vet ./...

clean: ## remove what build made
	rm -rf bin
