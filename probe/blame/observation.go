package blame

import "time"

// Culprit is who caused a failure.
type Culprit string

// The culprits.
const (
	None         Culprit = ""              // no culprit: the answer is healthy, or says nothing about a culprit
	API          Culprit = "api"           // the API itself
	Gateway      Culprit = "gateway"       // a gateway, firewall or maintenance page that answers before the API
	LoginService Culprit = "login_service" // the login service returns no token, and does not blame our credentials
	Credential   Culprit = "credential"    // our login or key is refused: wrong, expired, revoked or disabled
	Role         Culprit = "role"          // our credential is good, but lacks a permission
	Network      Culprit = "network"       // our own network or proxy: nothing else can be reached either
	Resolver     Culprit = "resolver"      // the DNS resolver of this machine
	Watcher      Culprit = "watcher"       // squarewatch itself: it or its machine ran out of descriptors, ports, buffers or memory
	Leak         Culprit = "leak"          // the API grants access that it must refuse
	Unknown      Culprit = "unknown"       // the evidence does not tell
)

// Ours reports whether the run failed on our own side. Such a run says nothing about the API, and no rule counts it.
func (c Culprit) Ours() bool { return c == Network || c == Watcher }

// Outcome is the result of a run, as far as it points to a culprit.
type Outcome uint8

// The outcomes of a run.
const (
	Other        Outcome = iota // an answer that says nothing about a culprit, such as 429
	Good                        // an expected answer to a request with the probe's credential, if it has one
	Denied                      // an expected refusal: the probe guards access, or expects 401 or 403
	Refused                     // an unexpected 401
	Forbidden                   // an unexpected 403
	ServerError                 // 5xx from the API itself
	GatewayError                // 502 and 504, which a gateway gives for a server behind it: RFC 9110, 15.6.3 and 15.6.5
	WrongAnswer                 // any other unexpected answer, such as 404 or a 200 without the expected body
	Granted                     // a guarded probe was granted access
	NotResolved                 // the name of the target was not resolved; see Observation.DNS
	NotConnected                // no connection, or no TLS session; see Observation.Link
	NotAnswered                 // a connection, but no complete answer in time
	Shortage                    // squarewatch or its machine ran out of something
)

// answered reports whether the target answered.
func (o Outcome) answered() bool { return o < NotResolved }

// DNS is how the look-up of the target's name failed.
type DNS uint8

// The failures of a look-up.
const (
	DNSNone     DNS = iota // it did not fail
	DNSNoName              // NXDOMAIN: the name does not exist
	DNSFailed              // SERVFAIL and the like: the resolver got no answer from the servers of the zone, or is broken
	DNSNoAnswer            // the resolver did not answer
	DNSRefused             // REFUSED and the like: the resolver refuses to answer for this name
)

// Link is how a connection failed.
type Link uint8

// The failures of a connection.
const (
	LinkNone        Link = iota // it did not fail
	LinkRefused                 // something refused the connection: ECONNREFUSED, or a reset
	LinkNoRoute                 // this machine has no route or no address: ENETUNREACH, ENETDOWN
	LinkNoAnswer                // nothing answered: a timeout, EHOSTUNREACH
	LinkTLS                     // the other side offered no TLS session, or no certificate that is valid for the name and the time
	LinkUntrusted               // the certificate is signed by an authority that this machine does not know
	LinkProxy                   // our own proxy did not connect
	LinkProxySilent             // our own proxy did not say in time whether it connected, or ended the connection
	linkCount
)

// Check is the result of a check that squarewatch made, such as whether the connectivity address accepts connections. The zero value means
// that nothing was checked.
type Check struct {
	At     time.Time // its end
	Passed bool
	What   string // for people: what was checked, for example 1.1.1.1:53
}

// Renewal is the newest renewal of the credential before the end of the run. The zero value means that there was none.
type Renewal struct {
	At       time.Time // its end
	Renewed  bool      // there is a new token
	LoggedIn bool      // with Renewed: the token came from a login, not from a refresh token
	Refused  bool      // the login service refused our credential
	Page     bool      // a page answered the login, not the API
	Words    string    // of the login service, for people; masked and shortened
}

// Observation is what one run shows. It is plain data.
type Observation struct {
	Probe      string
	Credential string    // empty for none
	Start      time.Time // of the run
	End        time.Time
	Outcome    Outcome

	Page      bool   // the body is a page (HTML), not an answer of the API
	Foreign   bool   // the answer asks for another way to authenticate than the API's: a WWW-Authenticate without Bearer
	Code      int    // HTTP status; 0 without an answer
	Cut       bool   // the head of an answer came, but not its whole body
	Words     string // the API's own code or message of a refusal, for example user_inactive; masked and shortened
	NewToken  bool   // the refused token is new, or the probe was refused with a new one and not accepted since
	Elsewhere bool   // an address that does not exist got the same answer, so the answer does not depend on the address
	DNS       DNS
	Link      Link

	Connectivity Check   // whether another address can be reached
	Proxy        Check   // whether our own proxy answers at all
	Resolver     Check   // whether the resolver resolves other names
	Renewal      Renewal // of the credential
}

// Evidence is one reason for a verdict.
type Evidence struct {
	For  Culprit   `json:"for"`
	Text string    `json:"text"` // a sentence without a full stop, for people
	At   time.Time `json:"at"`   // when it was seen
}

// Verdict says who caused a failure, and gives the reasons.
type Verdict struct {
	Culprit  Culprit
	Evidence []Evidence // the strongest first; at most maxEvidence
	Advice   string     // only for Unknown: how to find out who caused it; a sentence without a full stop
}
