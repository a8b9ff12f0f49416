# Every developer command. `make test` needs Go and nothing else; `make race` needs gcc too.

GOLANGCI_LINT = go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
DEADCODE      = go run golang.org/x/tools/cmd/deadcode@v0.52.0
SBOM          = go run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
VULNCHECK     = go run golang.org/x/vuln/cmd/govulncheck@v1.9.0
FUZZTIME     ?= 10s
TAGS          = e2e,diagnosis,bench,soak

.PHONY: test race e2e e2e-packages crash soak mutations diagnosis bench bench-record bench-check lint fmt build demo golden fuzz schema docs man pictures sbom packages release vulncheck

test: ## unit, scenario and script tests, without the race detector (make race has it)
	@begin=$$(date +%s); \
	echo "1 of 2: downloading and compiling, about a minute and a half the first time; each package is named" && \
	go build -v ./... && \
	echo "2 of 2: testing, about two minutes on two cores, with a line for each package" && \
	go test -shuffle=on ./cmd/squarewatch ./... && \
	echo "All tests passed, in $$(($$(date +%s) - begin)) s."

# The package that takes longest comes first, so that the others run beside it.
race: ## the same tests with the race detector (needs gcc), which is four times as slow
	go test -race -shuffle=on -timeout 20m ./cmd/squarewatch ./...

PACKAGES = TestThePackage|TestARelease|TestFromNothing|TestTheComposeFileRuns
e2e: ## the built binary against a real Jaeger, real sockets and systemd's own tools (installs what it needs on Debian)
	deploy/e2e/setup.sh
	go test -tags e2e -count=1 -timeout 40m -skip '$(PACKAGES)' ./deploy/e2e
	go test -tags e2e -count=1 -timeout 10m ./probe/database/... ./probe/history ./alert/outbox

e2e-packages: ## the packages on a Debian that boots: install, upgrade, remove, a release; the compose file; about ten minutes (installs what it needs)
	deploy/e2e/setup.sh containers
	go test -tags e2e -count=1 -timeout 40m -v -run '$(PACKAGES)' ./deploy/e2e

crash: ## the daemon killed 200 times during incidents, with a faulty Slack: about 10 minutes
	CRASH_KILLS=200 go test -tags e2e -count=1 -v -timeout 30m -run TestKilledAgainAndAgain ./deploy/e2e

SOAK ?= -length 30m
model: ## 500 random histories of the whole daemon, compared with a plain reference (MODEL='-model.seeds 5000 -model.first 1000')
	go test -run '^TestTheDaemonKeepsItsPromises$$' -count=1 -timeout 0 ./cmd/squarewatch -model.seeds 500 $(MODEL)

soak: ## the daemon for 30 minutes among faults that a seed draws, compared with what it promises (SOAK='-length 2m -seed 7')
	go test -tags soak -count=1 -timeout 0 -v ./deploy/soak $(SOAK)

mutations: ## whether the random models or the soak find faults that are put into the product, one after the other: half an hour, or some by MUTATIONS='run-lost late-start'
	deploy/soak/mutations.sh $(MUTATIONS)

diagnosis: ## whether one message names the right culprit: a matrix of faults, about 15 minutes (installs what it needs on Debian)
	deploy/diagnosis/setup.sh
	go test -tags diagnosis -count=1 -timeout 40m ./deploy/diagnosis

bench: ## what each part costs, and the whole beside a bare net/http loop and prometheus-blackbox-exporter: about 20 minutes
	go test -run '^$$' -bench . -benchmem ./cmd/... ./probe/... ./alert/... ./otel/...
	deploy/bench/setup.sh
	go test -tags bench -run '^$$' -bench . -benchtime 1x ./deploy/bench
	go test -tags bench -count=1 -timeout 30m -v -run '^TestSweep$$' ./deploy/bench

bench-record: ## the whole on a quiet machine, about 14 minutes, written into docs/performance.md and its curves
	deploy/bench/setup.sh
	go test -tags bench -count=1 -timeout 30m -v -run '^TestSweep$$' ./deploy/bench -record
	go test ./deploy/bench -run OfTheDocs -update
	cd deploy/bench/curves && go run .

bench-check: ## whether a run costs much more than the last record: about a minute
	go test -tags bench -count=1 -v -run '^TestNothingGotDearer$$' ./deploy/bench

lint: ## formatting, linters, modernisers, dead code, tidiness
	$(GOLANGCI_LINT) config verify
	$(GOLANGCI_LINT) run --build-tags $(TAGS) ./...
	$(GOLANGCI_LINT) fmt --diff
	go fix -diff ./...
	go mod tidy -diff
	@dead="$$($(DEADCODE) -test -tags $(TAGS) ./...)"; if [ -n "$$dead" ]; then echo "$$dead"; echo "unreachable code: remove it, or use it"; exit 1; fi

fmt: ## format as the linter wants it
	$(GOLANGCI_LINT) fmt

# The tag leaves out the pages of golang.org/x/net/trace, which squarewatch does not serve.
build: ## bin/squarewatch, stripped and static
	CGO_ENABLED=0 go build -trimpath -tags grpcnotrace -ldflags '-s -w' -o bin/squarewatch ./cmd/squarewatch

sbom: build ## bin/squarewatch.cdx.json: the parts of bin/squarewatch, with Go's standard library, in CycloneDX
	$(SBOM) bin -json -licenses -std -output bin/squarewatch.cdx.json bin/squarewatch

man: ## bin/man: a manual page for each command
	go test ./cmd/squarewatch -run '^TestEveryCommandHasAManualPage$$' -count=1 -man $(CURDIR)/bin/man

packages: ## bin/packages: .deb and .rpm for amd64 and arm64, with a list of parts of each binary, and check sums; the same bytes for the same commit
	SBOM='$(SBOM)' deploy/packages/build.sh

release: ## bin/release: the packages of the tag at this commit, and NOTES.md from CHANGELOG.md
	SBOM='$(SBOM)' deploy/packages/release.sh

vulncheck: ## known vulnerabilities that the code reaches; needs vuln.go.dev
	$(VULNCHECK) -test ./...

demo: ## the demo for a minute; it needs no installation
	go run -v ./cmd/squarewatch demo --duration 60s

golden: ## rewrite the golden files from what the code does now; read the diff before you commit it
	go test ./alert/alertmanager ./alert/slack ./otel ./probe/catalogue ./config ./cmd/squarewatch ./cmd/squarewatch/openapi ./cmd/squarewatch/statuspage -update

schema: ## config/schema.json from the settings structs and config/descriptions.yaml
	go test ./cmd/squarewatch -run TestSchemaIsCurrent -update

docs: ## the generated parts of docs: keys, commands, metrics and spans
	go test ./cmd/squarewatch -run OfTheDocs -update
	go test ./otel ./deploy/bench -run OfTheDocs -update

pictures: ## the pictures of the documentation, into docs/pictures (needs Node.js, Chromium and a font with emoji)
	deploy/pictures/slack.sh
	SQUAREWATCH_PICTURES=$(CURDIR)/docs/pictures go test -tags e2e -count=1 -run '^TestPicturesOfThePage$$' ./deploy/e2e

# The targets of fuzz are named after their package and function: fuzz/./probe/FuzzAnswer.
FUZZ_TARGETS = $(shell grep -rEo --include='*_test.go' '^func Fuzz[[:alnum:]]+' . | sed -E 's|/[^/]*:func |/|; s|^|fuzz/|' | sort)

# The first line compiles what most targets share, once.
fuzz: ## every fuzz target for FUZZTIME, three at a time; make fuzz/./probe/FuzzAnswer runs one
	go test -c -o /dev/null -fuzz . ./cmd/squarewatch
	@$(MAKE) --no-print-directory --keep-going --output-sync=target -j3 $(FUZZ_TARGETS)

# The end of FUZZTIME may look like a failure (go.dev/issue/75804). A real failure stores its input, which then fails again.
fuzz/%:
	@go test -run '^$$' -fuzz '^$(@F)$$' -fuzztime $(FUZZTIME) -fuzzminimizetime 10x -parallel 1 $(*D) || \
	  go test -run '^$(@F)$$' $(*D) || { tail -n +1 $(*D)/testdata/fuzz/$(@F)/*; exit 1; }
