package statuspage

import (
	"fmt"
	"slices"
	"time"

	"squarewatch/alert"
	"squarewatch/probe"
)

// Suspect is a party that can be at fault, for example the API or our network.
type Suspect struct {
	Name     string    `json:"name"`
	Bad      bool      `json:"bad"`
	Known    bool      `json:"known"` // there is an observation
	Say      string    `json:"say"`
	At       time.Time `json:"at,omitzero"`    // when it was observed
	Left     string    `json:"left,omitempty"` // how long a key or its token is still valid
	Evidence []Reason  `json:"evidence"`       // at most three
}

// The names of the suspects that [Home.Fine] leaves out.
const (
	apiName     = "API"
	watcherName = "Watching"
)

// suspectsOf assesses each suspect by the last run of each probe, by what fires, and by what squarewatch knows of itself.
func suspectsOf(s *Snapshot, rows []Row) []Suspect {
	list := []Suspect{apiSuspect(s), loginSuspect(s)}
	for _, name := range credentialsOf(s) {
		list = append(list, keySuspect(s, name))
	}
	return append(list, networkSuspect(s), watcherSuspect(s, rows))
}

// Suspects returns all suspects with what is known of them.
func Suspects(s *Snapshot) []Suspect { return suspectsOf(s, rowsOf(s)) }

// Mark is the shape of the verdict.
func (v *Suspect) Mark() string {
	switch {
	case v.Bad:
		return "✖"
	case v.Known:
		return "✔"
	}
	return "◌"
}

// Words says what is known, with its time as clock writes it.
func (v *Suspect) Words(clock func(time.Time) string) string {
	text := v.Say
	if !v.At.IsZero() {
		text += " at " + clock(v.At)
	}
	if v.Left != "" {
		text += ", " + v.Left
	}
	return text
}

func credentialsOf(s *Snapshot) []string {
	var names []string
	for i := range s.Probes {
		if c := s.Probes[i].Settings.Credential; c != "" && c != probe.NoCredential && !slices.Contains(names, c) {
			names = append(names, c)
		}
	}
	slices.Sort(names)
	return names
}

// apiSuspect counts the probes whose last answer speaks against the API.
func apiSuspect(s *Snapshot) Suspect {
	v := Suspect{Name: apiName}
	bad, seen := 0, 0
	for i := range s.Probes {
		last := &s.Probes[i].Recent.Last
		if last.At.IsZero() {
			continue
		}
		seen++
		if last.Expected || isOurs(last.Blame) {
			continue
		}
		if b := last.Blame; b == probe.BlameCredential || b == probe.BlameRole || b == probe.BlameLoginService {
			continue
		}
		bad++
		v.add(s.Probes[i].Settings.Name+": "+outcome(last.Class, last.Code), last.At)
	}
	v.Known, v.Bad = seen > 0, bad > 0
	v.Say = fmt.Sprintf("%d of %d bad", bad, len(s.Probes))
	if good := newest(s, func(last *Last) bool { return last.Expected }); good != nil && !v.Bad {
		v.addRun(good)
	}
	return v
}

// fails is the text for a suspect that runs blame.
const fails = "fails"

// blame makes the suspect bad while the last run of a probe blames it.
func (v *Suspect) blame(s *Snapshot, culprits ...probe.Blame) {
	for i := range s.Probes {
		last := &s.Probes[i].Recent.Last
		if last.Expected || !slices.Contains(culprits, last.Blame) {
			continue
		}
		if v.Say != fails {
			v.Bad, v.Known, v.Say, v.At, v.Evidence = true, true, fails, last.At, nil // evidence for it is older, or of another probe
		}
		if last.At.After(v.At) {
			v.At = last.At
		}
		v.addEvidence(last.Evidence)
	}
}

// loginSuspect describes how the login service answered the newest renewal. A login service that refuses a login works.
func loginSuspect(s *Snapshot) Suspect {
	v := Suspect{Name: "Login service", Say: "not used: no credential logs in"}
	var last *Credential
	for i := range s.Credentials {
		c := &s.Credentials[i]
		if !c.Renewable {
			continue
		}
		if v.Say = "no login yet"; !c.Renewal.At.IsZero() && (last == nil || c.Renewal.At.After(last.Renewal.At)) {
			last = c
		}
	}
	if last != nil {
		r := &last.Renewal
		v.Known, v.At = true, r.At
		switch name := foreign(last.Name, cutName); {
		case r.Renewed && r.LoggedIn:
			v.Say = "accepted"
			v.add("logged in "+name, r.At)
		case r.Renewed:
			v.Say = "accepted"
			v.add("renewed the token of "+name, r.At)
		case r.Refused && !r.Page:
			v.Say = "answered"
			v.add("refused the login of "+name+": "+r.Words, r.At)
		default:
			v.Bad, v.Say = true, "failed"
			v.add("no token for "+name+": "+r.Words, r.At)
		}
	}
	v.blame(s, probe.BlameLoginService)
	return v
}

// networkSuspect is good when a request got any answer.
func networkSuspect(s *Snapshot) Suspect {
	v := Suspect{Name: "Our network", Say: "not known: no answer yet"}
	if reached := newest(s, func(last *Last) bool { return last.Code > 0 }); reached != nil {
		v.Known, v.Say, v.At = true, "reached the API", reached.Recent.Last.At
		v.addRun(reached)
	}
	v.blame(s, probe.BlameNetwork, probe.BlameResolver)
	return v
}

// newest returns the probe with the newest last run that fulfils the condition, or nil.
func newest(s *Snapshot, is func(*Last) bool) (found *Probe) {
	for i := range s.Probes {
		p := &s.Probes[i]
		if last := &p.Recent.Last; !last.At.IsZero() && is(last) && (found == nil || last.At.After(found.Recent.Last.At)) {
			found = p
		}
	}
	return found
}

// keySuspect returns the suspect of a credential. It is bad while the last run of a probe blames the credential. An expected answer with
// it shows that it is good.
func keySuspect(s *Snapshot, name string) Suspect {
	v := Suspect{Name: "Key " + foreign(name, cutName), Say: "no run yet"}
	var good *Probe
	for i := range s.Probes {
		p := &s.Probes[i]
		last := &p.Recent.Last
		if last.Credential != name || last.At.IsZero() {
			continue
		}
		switch {
		case last.Blame == probe.BlameCredential || last.Blame == probe.BlameRole:
			v.Bad, v.Known = true, true
			v.addEvidence(last.Evidence)
		case last.Expected && last.Class == probe.Success && (good == nil || last.At.After(good.Recent.Last.At)):
			good = p
		}
	}
	switch {
	case v.Bad:
		v.Say = "refused"
	case good != nil:
		v.Known, v.Say, v.At = true, "accepted", good.Recent.Last.At
		v.addRun(good)
	case slices.ContainsFunc(s.Probes, func(p Probe) bool { return p.Recent.Last.Credential == name }):
		v.Say = "not known: no good answer with it"
	}
	v.addEnd(s, name)
	return v
}

// addEnd adds when a key or its token expires, or says that the end is unknown.
func (v *Suspect) addEnd(s *Snapshot, name string) {
	i := slices.IndexFunc(s.Credentials, func(c Credential) bool { return c.Name == name })
	if i < 0 {
		return
	}
	c := &s.Credentials[i]
	if c.Ends.IsZero() {
		if !c.Renewable {
			v.add("its end is not known: the key is not a JSON Web Token with an expiry", time.Time{})
		}
		return
	}
	v.Left = lasting(c.Ends.Sub(s.Now)) + " left"
	ends := c.Ends.UTC().Format("2 Jan 2006 15:04")
	switch {
	case c.Renewable:
		v.add("its token ends on "+ends+" and is renewed before that", time.Time{})
	case c.Ends.After(s.Now):
		v.add("the key itself says that it ends on "+ends, time.Time{})
	default:
		v.Left = "ended"
		v.add("the key itself says that it ended on "+ends, time.Time{})
	}
}

// watcherSuspect says whether squarewatch itself does its work.
func watcherSuspect(s *Snapshot, rows []Row) Suspect {
	v := Suspect{Name: watcherName, Known: true, Say: fmt.Sprintf("%d missed today", s.MissedToday)}
	late := 0
	for i := range rows {
		if rows[i].State == RowLate {
			late++
			v.add(rows[i].Probe+" is "+rows[i].Why, rows[i].At)
		}
	}
	if late > 0 {
		v.Bad, v.Say = true, fmt.Sprintf("%d late or missed, ", late)+v.Say
	}
	if len(s.Faults) > 0 {
		v.Bad, v.Say = true, "does not work as it should"
		for _, f := range s.Faults {
			v.add(f, time.Time{})
		}
	}
	for i := range s.Firing {
		if s.Firing[i].Condition == alert.ConditionWatcher {
			v.Bad = true
		}
	}
	return v
}

// addRun adds the last run of a probe as evidence.
func (v *Suspect) addRun(p *Probe) {
	last := &p.Recent.Last
	v.add(p.Settings.Name+": "+outcome(last.Class, last.Code), last.At)
}

// add adds evidence, at most three pieces, each once.
func (v *Suspect) add(text string, at time.Time) {
	if len(v.Evidence) == 3 {
		return
	}
	text = foreign(text, cutExcerpt)
	if !slices.ContainsFunc(v.Evidence, func(r Reason) bool { return r.Text == text }) {
		v.Evidence = append(v.Evidence, Reason{Text: text, At: at})
	}
}

func (v *Suspect) addEvidence(all []probe.Evidence) {
	for _, e := range all {
		v.add(e.Text, e.At)
	}
}
