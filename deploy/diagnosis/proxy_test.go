//go:build diagnosis

package diagnosis_test

import (
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// proxy is a proxy of ours on the way to the target. It tunnels with CONNECT.
type proxy struct {
	gate   *gate
	server *http.Server

	mu     sync.Mutex
	status int // every tunnel is refused with it; 0 when tunnels are allowed
}

func newProxy(g *gate) *proxy {
	p := &proxy{gate: g}
	p.server = &http.Server{Handler: p}
	go func() { _ = p.server.Serve(g) }()
	return p
}

// refuse makes the proxy refuse every tunnel with a status; 0 allows tunnels again.
func (p *proxy) refuse(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = status
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	status := p.status
	p.mu.Unlock()
	if status == 0 && r.Method != http.MethodConnect {
		status = http.StatusMethodNotAllowed
	}
	if status != 0 {
		pageAnswer(status, "The proxy refuses", "Proxy-Authenticate", `Basic realm="proxy"`)(w, r)
		return
	}
	far, err := net.DialTimeout("tcp", r.Host, time.Second)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer func() { _ = far.Close() }()
	near, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = near.Close() }()
	_, _ = io.WriteString(near, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() {
		_, _ = io.Copy(far, near)
		_ = far.Close()
	}()
	_, _ = io.Copy(near, far)
}

func (p *proxy) close() {
	_ = p.server.Close()
	_ = p.gate.Close()
}
