package otel

// Scope lists the names in the configuration. Only these have metric series. Otherwise the gauges of a removed
// probe would keep their last value, and the number of series would grow with every change of the file.
type Scope struct {
	Target      string // base URL of the probes
	Probes      []string
	Credentials []string
	Renewable   []string // those of Credentials that can be renewed
	Notifiers   []string
}

// scopeIndex is a scope for lookups. A nil scopeIndex contains every name.
type scopeIndex struct {
	target                         server
	probes, credentials, notifiers map[string]bool
}

func newScopeIndex(s *Scope) *scopeIndex {
	return &scopeIndex{
		target: serverOf(s.Target), probes: setOf(s.Probes), credentials: setOf(s.Credentials), notifiers: setOf(s.Notifiers),
	}
}

func (s *scopeIndex) hasProbe(name string) bool      { return s == nil || s.probes[name] }
func (s *scopeIndex) hasCredential(name string) bool { return s == nil || s.credentials[name] }
func (s *scopeIndex) hasServer(to server) bool       { return s == nil || s.target == to }
func (s *scopeIndex) hasNotifier(name string) bool   { return s == nil || s.notifiers[name] }

func setOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}
