package otel

// Scope is what a configuration names. Only that has series: a probe that is gone must not stay down for ever, nor may series
// grow with every change of the file.
type Scope struct {
	Target      string // base URL of the probes
	Probes      []string
	Credentials []string
	Renewed     []string // those credentials that are ever renewed
	Notifiers   []string
}

// known is a scope to look things up in. A nil one knows everything.
type known struct {
	target                         server
	probes, credentials, notifiers map[string]bool
}

func newKnown(s *Scope) *known {
	return &known{target: serverOf(s.Target), probes: setOf(s.Probes), credentials: setOf(s.Credentials), notifiers: setOf(s.Notifiers)}
}

func (k *known) probe(name string) bool      { return k == nil || k.probes[name] }
func (k *known) credential(name string) bool { return k == nil || k.credentials[name] }
func (k *known) server(s server) bool        { return k == nil || k.target == s }
func (k *known) notifier(name string) bool   { return k == nil || k.notifiers[name] }

func setOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}
