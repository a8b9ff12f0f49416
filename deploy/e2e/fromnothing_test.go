//go:build e2e

package e2e_test

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"squarewatch/probe/aisquaretest"
)

// TestFromNothing is the first day of a person on a fresh Debian: the package, and then what docs/first-incident.md says, as an ordinary
// user, to a message in Slack and to a trace that one can look at: in Jaeger, and on the page of the daemon. It prints a transcript with
// times. What it takes to build or to download the package is not counted.
func TestFromNothing(t *testing.T) {
	deb := onlyFile(t, buildPackages(t, "1.0.0"), ".deb")
	collector := startJaeger(t)
	s := newStage(t)
	s.copyIn(deb, "/root/squarewatch.deb")
	s.run("useradd", "--create-home", "reader")

	r := &firstIncident{t: t, slack: s.slack, began: time.Now(), shell: func(script string) *exec.Cmd {
		return exec.CommandContext(t.Context(), "nsenter", "--target", s.leader, "--all", "--no-fork", "--", "runuser", "--user", "reader", "--",
			"env", "HOME=/home/reader", "KEY="+aisquaretest.DefaultKey, "HOOK="+s.slack.Webhook(), "sh", "-e", "-c", "cd /home/reader; "+script)
	}}
	r.log("# dpkg --install squarewatch.deb\n" + s.run("dpkg", "--install", "/root/squarewatch.deb"))
	_, port, _ := strings.Cut(s.listen, ":")
	r.follow(s.target, port, "--collector http://127.0.0.1:"+collector.grpc+
		" --trace-url 'http://127.0.0.1:"+collector.query+"/trace/{trace_id}'")

	link := traceLink.FindStringSubmatch(r.message("FIRING").Blocks)
	if link == nil {
		t.Fatalf("want a link to a trace, got\n%s", r.message("FIRING").Blocks)
	}
	eventually(t, 30*time.Second, "Jaeger has the trace", func() bool { return len(collector.trace(t.Context(), link[1])) > 2 })
	status, page, err := get(t.Context(), "http://"+s.listen+"/run/"+link[1])
	if err != nil || status != http.StatusOK || !strings.Contains(page, "no-such-path") {
		t.Errorf("want a page of the run, got %d, %v\n%s", status, err, page)
	}
	r.log("the trace is in Jaeger, and the run at http://" + s.listen + "/run/" + link[1])
	r.leave()
	if took := time.Since(r.began); took > 10*time.Minute {
		t.Errorf("want at most ten minutes, got %v", took)
	}
}
